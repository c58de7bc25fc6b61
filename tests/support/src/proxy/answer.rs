//! Knowing when a client has a whole answer: a body that notices its end, over a stream that notices the flush after
//! it; it must not change what is sent, except to cut it off where a fault says so.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use hyper::body::{Body, Bytes, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::error::Error;

/// Something to do once the answer has left.
type Then = Box<dyn FnOnce() + Send>;

/// What a connection shall do at its next flush: set by the body when it has given its last byte.
#[derive(Clone, Default)]
pub(super) struct Outbox {
    then: Arc<Mutex<Vec<Then>>>,
}

impl Outbox {
    pub(super) fn at_flush(&self, then: Then) {
        self.then.lock().unwrap_or_else(PoisonError::into_inner).push(then);
    }

    fn flushed(&self) {
        let due = std::mem::take(&mut *self.then.lock().unwrap_or_else(PoisonError::into_inner));
        for then in due {
            then();
        }
    }
}

/// The client's stream. hyper flushes only when all it had to write is written, so a completed flush means that
/// everything before it is on its way to the client.
pub(super) struct Noticing<S> {
    stream: S,
    outbox: Outbox,
}

impl<S> Noticing<S> {
    pub(super) fn new(stream: S, outbox: Outbox) -> Self {
        Self { stream, outbox }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Noticing<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Noticing<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        if matches!(flushed, Poll::Ready(Ok(()))) {
            self.outbox.flushed();
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// A body that does something when it ends, and may be told to break off before.
pub(super) struct Answer<B> {
    inner: B,
    at_end: Option<Then>,
    left: Option<usize>,
}

impl<B: Body> Answer<B> {
    /// `at_end` runs when the last byte has been given to hyper, at once if there is none.
    pub(super) fn new(inner: B, at_end: Then) -> Self {
        let mut answer = Self { inner, at_end: Some(at_end), left: None };
        answer.notice_end();
        answer
    }

    /// Breaks off with an error after `bytes`; what comes at the end is then never done.
    pub(super) fn truncated(inner: B, bytes: usize) -> Self {
        Self { inner, at_end: None, left: Some(bytes) }
    }

    fn notice_end(&mut self) {
        if self.inner.is_end_stream() {
            self.end();
        }
    }

    fn end(&mut self) {
        if let Some(at_end) = self.at_end.take() {
            at_end();
        }
    }
}

impl<B> Body for Answer<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if self.left == Some(0) {
            return Poll::Ready(Some(Err(Box::new(Error::new("broken off by a fault")))));
        }
        match Pin::new(&mut self.inner).poll_frame(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(None) => {
                self.end();
                Poll::Ready(None)
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(error.into()))),
            Poll::Ready(Some(Ok(frame))) => {
                let frame = match (self.left, frame.into_data()) {
                    (Some(left), Ok(mut data)) => {
                        data.truncate(left);
                        self.left = Some(left - data.len());
                        Frame::data(data)
                    }
                    (None, Ok(data)) => Frame::data(data),
                    (Some(_) | None, Err(frame)) => frame,
                };
                self.notice_end();
                Poll::Ready(Some(Ok(frame)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_none() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
