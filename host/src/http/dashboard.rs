//! `GET /dashboard`: a page for people, which reads the API as anybody else does.
//! Open without a token, since it holds nothing: it asks for the token itself and sends it with what it reads.
//! Never lets a browser run or load anything but what stands in the page.

use std::sync::LazyLock;

use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::response::IntoResponse;
use data_encoding::BASE64;
use sha2::{Digest, Sha256};

/// Where the page is.
pub(super) const PATH: &str = "/dashboard";
/// The page, with its style and its script.
const PAGE: &str = include_str!("dashboard.html");

/// What a browser may do with the page: style and script are named by their digests, and text never becomes markup.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let (style, script) = (digest("<style>", "</style>"), digest("<script>", "</script>"));
    format!(
        "default-src 'none'; style-src {style}; script-src {script}; connect-src 'self'; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )
});

/// The page.
pub(super) async fn show() -> impl IntoResponse {
    let headers: [(HeaderName, &'static str); 5] = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CONTENT_SECURITY_POLICY, POLICY.as_str()),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-store"),
    ];
    (headers, PAGE)
}

/// What stands between two tags, as a policy names it.
fn digest(begins: &str, ends: &str) -> String {
    let inside = PAGE.split_once(begins).and_then(|(_, rest)| rest.split_once(ends)).map_or("", |(inside, _)| inside);
    let digest: [u8; 32] = Sha256::digest(inside.as_bytes()).into();
    format!("'sha256-{}'", BASE64.encode(&digest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_one_style_one_script_and_nothing_else_that_runs_or_loads() {
        for tag in ["<style>", "<script>"] {
            assert_eq!(PAGE.matches(tag).count(), 1, "{tag}");
        }
        for never in
            ["innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval(", "src=", "href=", "style=\""]
        {
            assert!(!PAGE.contains(never), "{never}");
        }
    }

    #[test]
    fn the_policy_names_what_the_page_holds_by_digest() {
        assert!(POLICY.contains("script-src 'sha256-") && POLICY.contains("default-src 'none'"), "{}", *POLICY);
        assert_ne!(digest("<style>", "</style>"), digest("<script>", "</script>"));
        assert_ne!(digest("<script>", "</script>"), digest("<nothing>", "</nothing>"));
    }
}
