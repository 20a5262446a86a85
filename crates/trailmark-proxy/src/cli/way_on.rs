//! How a list goes on that was interrupted or failed: the command as it was typed, with the page that comes next. The same for
//! every vendor, since the pages of a list differ in their query alone: `--from` holds the parameters in which the next page's
//! address differs from the first one's. So no credential is ever among them. `commands` says which page is next; `cli` tells
//! it at the end.

use std::cell::RefCell;
use std::ffi::OsString;

use trailmark_vendors::command::FROM;
use trailmark_vendors::secret::Secret;
use trailmark_wire::text_map::TextMap;
use url::Url;

use super::output;

/// The command line, and how it goes on.
pub(super) struct WayOn {
    typed: Vec<String>,
    told: RefCell<Option<String>>,
}

impl WayOn {
    pub(super) fn of(arguments: &[OsString]) -> Self {
        let typed = arguments.iter().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
        Self { typed, told: RefCell::default() }
    }

    /// From now on the list goes on at `place` after `done`, such as `500 partners`; at most `left` more are wanted.
    pub(super) fn leads(&self, place: Option<TextMap>, done: &str, left: Option<u64>) {
        let command = place.map(|place| self.command(&place, left));
        *self.told.borrow_mut() = command.map(|command| format!("after {done}, go on with:\n  {command}"));
    }

    /// Says how to go on, if the list did not come to its end.
    pub(super) fn tell(&self) {
        let Some(text) = self.told.take() else { return };
        if output::shows_progress() {
            output::progress("");
        }
        output::note(&text);
    }

    fn command(&self, place: &TextMap, left: Option<u64>) -> String {
        let mut words = vec!["trailmark".to_owned()];
        let mut is_value = false;
        for word in &self.typed {
            if std::mem::take(&mut is_value) {
                continue;
            }
            let (flag, has_value) = word.split_once('=').map_or((word.as_str(), false), |(flag, _)| (flag, true));
            match flag.strip_prefix("--").is_some_and(|flag| [FROM.name, "limit"].contains(&flag)) {
                true => is_value = !has_value,
                false => words.push(quoted(word)),
            }
        }
        words.extend(left.map(|left| format!("--limit {left}")));
        words.extend(
            place.iter().map(|(name, value)| format!("--{} {}", FROM.name, quoted(&format!("{name}={value}")))),
        );
        words.join(" ")
    }
}

/// A word as a shell reads it.
fn quoted(word: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./:=@,+%".contains(letter);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

/// The parameters that lead from the first page to another one; `None` if they do not lead there.
pub(super) fn place(first: &Secret, page: &Secret) -> Option<TextMap> {
    let pairs = |address: &Secret| {
        let url = Url::parse(address.expose()).ok()?;
        let mut pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        pairs.sort_unstable();
        let path = address.expose().split('?').next().map(str::to_owned)?;
        Some((path, pairs))
    };
    let (own, other) = (pairs(first)?.1, pairs(page)?);
    let place: TextMap = other.1.iter().filter(|pair| !own.contains(pair)).cloned().collect();
    let is_readable = place.iter().all(|(name, value)| !format!("{name}{value}").contains(char::is_control));
    (is_readable && pairs(&moved(first, &place)?)? == other).then_some(place)
}

/// The address of a page: that of the first one, with these parameters in the place of others of the same names.
pub(super) fn moved(first: &Secret, place: &TextMap) -> Option<Secret> {
    let mut url = Url::parse(first.expose()).ok()?;
    let own: Vec<_> = url.query_pairs().into_owned().filter(|(name, _)| place.get(name).is_none()).collect();
    let pairs = own.iter().map(|(name, value)| (name.as_str(), value.as_str())).chain(place.iter());
    // A server may read the plus sign of forms as itself.
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish().replace('+', "%20");
    url.set_query(Some(&query).filter(|query| !query.is_empty()).map(String::as_str));
    Some(Secret::new(url.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place_of(first: &str, page: &str) -> Option<String> {
        let secret = |path: &str| Secret::new(format!("https://api.vendor.example/v1/{path}"));
        let place = place(&secret(first), &secret(page))?;
        assert_eq!(super::place(&secret(first), &moved(&secret(first), &place)?), Some(place.clone()));
        Some(place.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn a_place_has_what_the_next_page_asks_for_otherwise_than_the_first() {
        let place = |first, page| place_of(first, page).unwrap_or_default();
        assert_eq!(place("a?limit=9", "a?limit=9&cursor=b%2Fc%3D%3D"), "cursor=b/c==");
        assert_eq!(place("a?limit=9&page=1", "a?page=2&limit=9"), "page=2");
        assert_eq!(place("a", "a?limit=20&offset=20"), "limit=20 offset=20");
        assert_eq!(place("a?key=s3cret&s%5B%5D=1&s%5B%5D=2", "a?key=s3cret&s[]=1&s[]=2&after=x%20y"), "after=x y");
    }

    #[test]
    fn a_page_that_no_parameters_lead_to_has_no_place() {
        for page in ["b?limit=9&cursor=x", "a?cursor=x", "a?limit=9&cursor=x&cursor=y", "a?limit=9&cursor=x%0Ay"] {
            assert_eq!(place_of("a?limit=9", page), None, "{page}");
        }
    }

    #[test]
    fn the_command_is_the_one_that_was_typed_with_another_place_and_what_is_left() {
        let typed =
            ["trailmark", "partners", "list", "--from=cursor=a", "--status", "it's", "--from", "b=c", "--limit", "9"];
        let way_on = WayOn::of(&typed.map(OsString::from));
        let place = TextMap::from([("cursor".to_owned(), "$(x) y".to_owned())]);
        assert_eq!(
            way_on.command(&place, Some(4)),
            r"trailmark partners list --status 'it'\''s' --limit 4 --from 'cursor=$(x) y'"
        );
    }
}
