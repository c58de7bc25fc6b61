//! Logs: one line per event on standard error, for people or for machines.
//!
//! Must not write to standard output, which belongs to what a command answers.

use std::io::IsTerminal;
use std::panic::PanicHookInfo;
use tracing::Subscriber;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// How a log line is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// One JSON object per line: `timestamp`, `level`, `target`, `message`, the event's fields side by side, and the
    /// innermost `span`. A span's own name is `span.name`, so no span may have a field of that name.
    #[default]
    Json,
    /// For people; coloured when standard error is a terminal and `NO_COLOR` is not set.
    Text,
}

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// The filter is none.
    #[error("the log filter {filter:?} cannot be read; write a level such as info, or target=level pairs with commas")]
    Filter {
        /// As it was given.
        filter: String,
        /// What is wrong with it.
        #[source]
        source: tracing_subscriber::filter::ParseError,
    },
    /// Somebody set up logging before.
    #[error("logging is set up already")]
    Twice(#[source] tracing_subscriber::util::TryInitError),
}

/// Sets up logging for the process. `filter` is a level (`info`) or a list of `target=level`. A panic becomes an ERROR
/// line of the same format.
///
/// # Errors
/// When the filter cannot be read, or logging is set up already.
pub fn init(format: Format, filter: &str) -> Result<(), InitError> {
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    subscriber(format, filter, colour, std::io::stderr)?.try_init().map_err(InitError::Twice)?;
    std::panic::set_hook(Box::new(log_panic));
    Ok(())
}

/// A subscriber of either format.
type Either = Box<dyn Subscriber + Send + Sync>;

fn subscriber<W>(format: Format, filter: &str, colour: bool, writer: W) -> Result<Either, InitError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let parsed = EnvFilter::try_new(filter)
        .map_err(|source| InitError::Filter { filter: filter.chars().take(200).collect(), source })?;
    let registry = tracing_subscriber::registry().with(parsed);
    let layer = tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(colour);
    Ok(match format {
        Format::Json => Box::new(registry.with(layer.json().flatten_event(true).with_span_list(false))),
        Format::Text => Box::new(registry.with(layer)),
    })
}

fn log_panic(info: &PanicHookInfo<'_>) {
    let panic = info.payload_as_str().unwrap_or("no message");
    let location = info.location().map(ToString::to_string);
    let thread = std::thread::current().name().map(str::to_owned);
    tracing::error!(panic, location, thread, "Panicked");
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn written(format: Format, filter: &str, log: impl FnOnce()) -> String {
        let page = Page::default();
        let writer = page.clone();
        let subscriber = subscriber(format, filter, false, move || writer.clone()).unwrap();
        tracing::subscriber::with_default(subscriber, log);
        String::from_utf8(page.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn json_line_holds_message_and_fields_side_by_side() {
        let text = written(Format::Json, "info", || {
            tracing::info_span!("reconcile", object = "c").in_scope(|| tracing::info!(nodes = 3, "Scaled\nup"));
        });
        assert_eq!(text.lines().count(), 1, "{text}");
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            (&line["message"], &line["nodes"], &line["level"]),
            (&"Scaled\nup".into(), &3.into(), &"INFO".into())
        );
        assert_eq!((&line["span"]["name"], &line["span"]["object"]), (&"reconcile".into(), &"c".into()));
        assert!(line["timestamp"].is_string());
    }

    #[test]
    fn filter_lets_through_what_it_says() {
        let text = written(Format::Text, "warn,chatty=debug", || {
            tracing::info!("quiet");
            tracing::warn!("loud");
            tracing::debug!(target: "chatty", "detail");
        });
        assert!(text.contains("loud") && text.contains("detail") && !text.contains("quiet"), "{text}");
        assert!(!text.contains('\u{1b}'), "{text}");
    }

    #[test]
    fn filter_that_cannot_be_read_is_named() {
        let error = init(Format::Text, "info,=??=").unwrap_err();
        assert!(error.to_string().contains("info,=??="), "{error}");
    }
}
