//! Reads the scripts and the policies of an HTML page. A scan for tags, no parser: it knows comments, quoted attributes and the
//! elements whose content is no markup, and that is all that finding `<script>` and `<meta>` in order needs. What scripts
//! write into the page later is not in it.

/// Elements whose content is text, or markup that does nothing.
const RAW: [&str; 10] =
    ["iframe", "noembed", "noframes", "noscript", "script", "style", "template", "textarea", "title", "xmp"];

/// What a page says about scripts.
#[derive(Debug, Default)]
pub(super) struct Page {
    /// In the order of the page.
    pub(super) scripts: Vec<Script>,
    /// The `content` of each Content-Security-Policy in a `<meta>`.
    pub(super) policies: Vec<String>,
}

/// A script element.
#[derive(Debug)]
pub(super) struct Script {
    attributes: Vec<(String, String)>,
    /// What stands between its tags.
    pub(super) text: String,
    pub(super) is_in_head: bool,
}

impl Script {
    /// The value of an attribute, empty if it has none; `None` without the attribute.
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        value(&self.attributes, name)
    }
}

impl Page {
    /// Reads a page's text.
    pub(super) fn read(html: &str) -> Self {
        let (mut page, mut rest, mut is_in_head) = (Self::default(), html, true);
        while let Some((_, after)) = rest.split_once('<') {
            rest = after;
            if let Some(comment) = after.strip_prefix("!--") {
                rest = comment.split_once("-->").map_or("", |(_, behind)| behind);
                continue;
            }
            let Some(Tag { name, attributes, behind }) = Tag::read(after) else { continue };
            rest = behind;
            is_in_head &= !matches!(name.as_str(), "/head" | "body");
            let is_policy = value(&attributes, "http-equiv")
                .is_some_and(|named| named.eq_ignore_ascii_case("content-security-policy"));
            if name == "meta" && is_policy {
                page.policies.extend(value(&attributes, "content").map(str::to_owned));
            }
            if RAW.contains(&name.as_str()) {
                let (text, behind) = until_end_of(&name, rest);
                rest = behind;
                if name == "script" {
                    page.scripts.push(Script { attributes, text: text.to_owned(), is_in_head });
                }
            }
        }
        page
    }
}

/// A tag, and what follows it. The name of an end tag begins with `/`.
struct Tag<'t> {
    name: String,
    attributes: Vec<(String, String)>,
    behind: &'t str,
}

impl<'t> Tag<'t> {
    /// Reads what follows a `<`; `None` if that is no tag, or one that never ends.
    fn read(text: &'t str) -> Option<Self> {
        let bare = text.strip_prefix('/').unwrap_or(text);
        if !bare.starts_with(|c: char| c.is_ascii_alphabetic()) {
            return None;
        }
        let slash = text.len().saturating_sub(bare.len());
        let end = bare.find(|c: char| c.is_ascii_whitespace() || matches!(c, '/' | '>'))?;
        let (name, mut rest) = text.split_at_checked(slash.saturating_add(end))?;
        let mut attributes = Vec::new();
        loop {
            rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
            if let Some(behind) = rest.strip_prefix('>') {
                return Some(Self { name: name.to_ascii_lowercase(), attributes, behind });
            }
            let (attribute, behind) = attribute(rest)?;
            attributes.push(attribute);
            rest = behind;
        }
    }
}

/// The attribute with which a text begins, and what follows it; `None` at the end of the text.
fn attribute(text: &str) -> Option<((String, String), &str)> {
    // An equals sign at the beginning belongs to the name.
    let is_end = |(at, c): (usize, char)| c.is_ascii_whitespace() || matches!(c, '/' | '>') || (c == '=' && at > 0);
    let end = text.char_indices().find(|place| is_end(*place)).map(|(at, _)| at)?;
    let (name, rest) = text.split_at_checked(end)?;
    let name = name.to_ascii_lowercase();
    let Some(value) = rest.trim_start().strip_prefix('=').map(str::trim_start) else {
        return Some(((name, String::new()), rest));
    };
    let quoted = ['"', '\''].into_iter().find_map(|quote| value.strip_prefix(quote).map(|inner| (quote, inner)));
    let (value, rest) = match quoted {
        Some((quote, inner)) => inner.split_once(quote)?,
        None => value.split_at_checked(value.find(|c: char| c.is_ascii_whitespace() || c == '>')?)?,
    };
    Some(((name, unescaped(value)), rest))
}

fn value<'a>(attributes: &'a [(String, String)], name: &str) -> Option<&'a str> {
    attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

/// The content of an element, and the text from its end tag on.
fn until_end_of<'t>(name: &str, text: &'t str) -> (&'t str, &'t str) {
    let is_own = |at: usize| {
        let tail = text.get(at.saturating_add(2)..).unwrap_or_default();
        tail.get(..name.len()).is_some_and(|found| found.eq_ignore_ascii_case(name))
    };
    let end = text.match_indices("</").map(|(at, _)| at).find(|at| is_own(*at));
    end.and_then(|at| text.split_at_checked(at)).unwrap_or((text, ""))
}

/// With the character references that generators write into attributes.
fn unescaped(text: &str) -> String {
    let text = text.replace("&quot;", "\"").replace("&#34;", "\"").replace("&#39;", "'").replace("&#x27;", "'");
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_are_found_in_order_with_their_attributes_and_place() {
        let page = Page::read(
            r#"<!doctype html><!-- <script src="no.js"></script> --><html><head lang=en>
               <META http-equiv='Content-Security-Policy' content="script-src &#39;self&#39;; a > b">
               <noscript><script src=no.js></script></noscript><title><script></title>
               <script>if (1 < 2) "</div>"</script ><SCRIPT async defer SRC = "/tm/sdk.js?a=1&amp;b" data-site=acme
               ></script></head><body><script src=/late.js></script><p title="<script src=no.js>">1 < 2<script>"#,
        );
        let told = page.scripts.iter().map(|script| (script.attribute("src"), script.is_in_head)).collect::<Vec<_>>();
        let late = (Some("/late.js"), false);
        assert_eq!(told, [(None, true), (Some("/tm/sdk.js?a=1&b"), true), late, (None, false)]);
        assert_eq!(page.scripts[0].text, r#"if (1 < 2) "</div>""#);
        assert_eq!(
            (page.scripts[1].attribute("async"), page.scripts[1].attribute("data-site")),
            (Some(""), Some("acme"))
        );
        assert_eq!(page.policies, ["script-src 'self'; a > b"]);
    }

    #[test]
    fn what_never_ends_is_read_to_the_end() {
        for html in
            ["<", "<!--", "<script", "<script src=", "<script src='", "<p =>", "<é>", "</", "<script></scr", "<a b=c"]
        {
            assert!(Page::read(html).scripts.len() <= 1, "{html}");
        }
    }
}
