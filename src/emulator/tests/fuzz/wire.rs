//! HTTP/1.1 by hand: what a client library would mend or refuse goes out as it is. Judges no answer.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::any::Asked;

/// What came back.
#[derive(Debug)]
pub(crate) enum Got {
    Answer {
        status: u16,
        body: Vec<u8>,
    },
    /// The connection ended without a whole answer.
    Nothing,
}

/// A connection that is made anew when it has ended.
pub(crate) struct Line {
    address: String,
    stream: Option<TcpStream>,
}

impl Line {
    pub(crate) fn new(address: &str) -> Self {
        Self { address: address.to_owned(), stream: None }
    }

    /// Ends the connection; the next request makes another.
    pub(crate) fn hang_up(&mut self) {
        self.stream = None;
    }

    /// Sends a request and reads the answer.
    pub(crate) async fn ask(&mut self, asked: &Asked) -> Got {
        // Taken out: if this is given up on the way, what is left of the answer must not meet the next request.
        let reused = self.stream.take();
        if let Some(stream) = reused
            && let Some(got) = self.exchange(stream, asked).await
        {
            return got;
        }
        // The server may have ended the old connection just then; a new one has no such excuse.
        let stream = TcpStream::connect(&self.address).await.expect("the emulator listens");
        self.exchange(stream, asked).await.unwrap_or(Got::Nothing)
    }

    async fn exchange(&mut self, mut stream: TcpStream, asked: &Asked) -> Option<Got> {
        let mut bytes =
            format!("{} {} HTTP/1.1\r\nHost: {}\r\n", asked.method, asked.target, self.address).into_bytes();
        for (name, value) in &asked.headers {
            bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        bytes.extend_from_slice(format!("Content-Length: {}\r\n\r\n", asked.body.len()).as_bytes());
        bytes.extend_from_slice(&asked.body);
        stream.write_all(&bytes).await.ok()?;
        let mut answer = Vec::new();
        let head = loop {
            if let Some(at) = answer.windows(4).position(|four| four == b"\r\n\r\n") {
                break at;
            }
            if stream.read_buf(&mut answer).await.ok()? == 0 {
                return None;
            }
        };
        let text = String::from_utf8_lossy(&answer[..head]).to_ascii_lowercase();
        let status = text.split(' ').nth(1)?.parse().ok()?;
        let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length: usize =
            if asked.method == "HEAD" { 0 } else { length.map_or(Some(0), |text| text.parse().ok())? };
        let mut body = answer.split_off(head + 4);
        while body.len() < length {
            if stream.read_buf(&mut body).await.ok()? == 0 {
                return None;
            }
        }
        if !text.contains("connection: close") {
            self.stream = Some(stream);
        }
        Some(Got::Answer { status, body })
    }
}
