//! Allowed destinations of a site's links: the entries of `redirect_to`. An origin allows all its pages; a path
//! allows itself and what is below it on the site's own host, by whole segments. `intake/destination.rs` reads the
//! destination of a link.

use std::fmt;

use url::Url;

use super::values::Origin;

/// One entry of `redirect_to`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RedirectTo {
    /// All pages of an origin.
    Origin(Origin),
    /// A path on the site's own host and everything below it: percent-encoded, without a final slash.
    Under(String),
}

impl RedirectTo {
    /// All pages of the site's own host, the default.
    pub(super) fn everywhere() -> Self {
        Self::Under(String::new())
    }

    /// Reads a path such as `/pricing`, or an origin.
    ///
    /// # Errors
    /// What is wrong, and what to write.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let cure = "is neither a path such as /pricing nor an origin such as https://app.example.com; \
                    a path covers what lies below it, so it takes no pattern";
        if !text.starts_with('/') {
            return Origin::parse(text).map(Self::Origin).map_err(|_problem| cure);
        }
        let odd = |c: char| c.is_control() || c.is_whitespace() || "\\?#%*".contains(c);
        if text.contains("//") || text.contains(odd) || text.split('/').any(|segment| matches!(segment, "." | "..")) {
            return Err(cure);
        }
        // Spelled as browsers spell it, for comparison with requested URLs.
        let url = Url::parse("http://localhost").and_then(|host| host.join(text)).map_err(|_unreadable| cure)?;
        Ok(Self::Under(url.path().trim_end_matches('/').to_owned()))
    }

    /// Whether it allows `url`; `own` is the site's public URL.
    pub fn covers(&self, url: &Url, own: &Origin) -> bool {
        let origin = url.origin().ascii_serialization();
        match self {
            Self::Origin(allowed) => origin == allowed.as_str(),
            Self::Under(path) => {
                let below = url.path().strip_prefix(path.as_str());
                origin == own.as_str() && below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            }
        }
    }
}

impl fmt::Display for RedirectTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Origin(origin) => origin.fmt(f),
            Self::Under(path) if path.is_empty() => f.write_str("/"),
            Self::Under(path) => f.write_str(path),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_origins_have_one_spelling() {
        for (text, printed) in [
            ("/", "/"),
            ("/app/", "/app"),
            ("/docs/intro", "/docs/intro"),
            ("/prix-été", "/prix-%C3%A9t%C3%A9"),
            ("https://APP.example.com:443/", "https://app.example.com"),
        ] {
            assert_eq!(RedirectTo::parse(text).unwrap().to_string(), printed);
        }
        for text in ["", "app", "//evil.example", "/a//b", "/a/../b", "/app/*", "/a?b", "/a#b", "/a\\b", "/%61", "/a b"]
        {
            assert!(RedirectTo::parse(text).is_err(), "{text}");
        }
        assert!(
            RedirectTo::parse("https://a.example/path").is_err(),
            "a path on another host allows no less than it all"
        );
    }

    #[test]
    fn a_path_covers_whole_segments_of_the_own_host() {
        let own = Origin::parse("https://www.acme.example").unwrap();
        let app = RedirectTo::parse("/app").unwrap();
        for (url, covered) in [
            ("https://www.acme.example/app", true),
            ("https://www.acme.example/app?a=b", true),
            ("https://www.acme.example/app/", true),
            ("https://www.acme.example/app/x", true),
            ("https://www.acme.example/apple", false),
            ("https://www.acme.example/App", false),
            ("https://www.acme.example/", false),
            ("https://app.acme.example/app", false),
            ("http://www.acme.example/app", false),
        ] {
            assert_eq!(app.covers(&Url::parse(url).unwrap(), &own), covered, "{url}");
        }
    }
}
