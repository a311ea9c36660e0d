//! The floor of HTTP: actix-web that returns a fixed body of a given size, without any work, in a process of its own.

use std::io::{BufRead, BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use actix_web::{App, HttpResponse, HttpServer, web};
use anyhow::{Context, Result};

/// Serves until the process is ended. Says its address on its standard output.
pub fn serve(size: usize) -> Result<()> {
    let body = web::Bytes::from(vec![b'x'; size]);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    writeln!(std::io::stdout(), "{}", listener.local_addr()?)?;
    actix_web::rt::System::new().block_on(async move {
        let site = move || {
            let body = body.clone();
            // The body of a request is read, as every server must.
            App::new().default_service(web::to(move |_sent: web::Bytes| {
                let body = body.clone();
                async move { HttpResponse::Ok().content_type("application/scim+json").body(body) }
            }))
        };
        let workers = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        let server = HttpServer::new(site).workers(workers).keep_alive(Duration::from_secs(75)).listen(listener)?;
        anyhow::Ok(server.run().await?)
    })
}

/// The process.
pub struct Hello {
    child: Child,
    pub address: SocketAddr,
}

impl Hello {
    /// Starts one with a body of this size.
    pub fn start(size: usize) -> Result<Hello> {
        let mut command = Command::new(std::env::current_exe()?);
        let mut child = command.args(["hello", &size.to_string()]).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        let out = child.stdout.take().context("no output")?;
        let read = BufReader::new(out).read_line(&mut line);
        let address = read.map_err(anyhow::Error::from).and_then(|_| Ok(line.trim().parse()?));
        // Made before the address is looked at, so that the process ends whatever comes.
        let mut hello = Hello { child, address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)) };
        hello.address = address.context("the floor did not start")?;
        Ok(hello)
    }
}

impl Drop for Hello {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}
