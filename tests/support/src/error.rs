//! The one error type of the test support: what failed, on what, and the cause; it must not hold secrets.

use std::fmt;

/// What a function of this crate returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// A failure of the support itself: a process that did not start, a request that was refused, a fact that never held.
///
/// `{}` is one line; `{:?}`, which `unwrap` and `expect` print, adds every cause, because a test's reader has only that.
pub struct Error {
    what: String,
    cause: Option<Cause>,
}

impl Error {
    /// A failure with nothing behind it.
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), cause: None }
    }

    /// A failure and what caused it.
    pub fn because(what: impl Into<String>, cause: impl Into<Cause>) -> Self {
        Self { what: what.into(), cause: Some(cause.into()) }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        let mut cause = std::error::Error::source(self);
        while let Some(next) = cause {
            write!(f, "\n  because: {next}")?;
            cause = next.source();
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause.as_ref().map(|cause| &**cause as &(dyn std::error::Error + 'static))
    }
}

/// Says what was being done when something failed.
pub trait Context<T> {
    /// Wraps the failure into one that says `what` failed.
    ///
    /// # Errors
    /// When `self` is an error.
    fn context(self, what: impl FnOnce() -> String) -> Result<T>;
}

impl<T, E: Into<Cause>> Context<T> for Result<T, E> {
    fn context(self, what: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|cause| Error::because(what(), cause))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_every_cause_when_a_test_unwraps() {
        let root = std::io::Error::other("disk is full");
        let error = Error::because("etcd did not start", Error::because("its folder cannot be made", root));

        assert_eq!(error.to_string(), "etcd did not start");
        assert_eq!(
            format!("{error:?}"),
            "etcd did not start\n  because: its folder cannot be made\n  because: disk is full"
        );
    }
}
