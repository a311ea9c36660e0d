//! Sockets: listening, serving, stopping without losing what was accepted.

use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use actix_web::dev::{Server as Running, ServerHandle};
use actix_web::{App as Site, HttpRequest, HttpServer, web};
use anyhow::{Context, Result};
use scim_core::limits::Limits;
use socket2::{Domain, Socket, Type};

use super::linger::Linger;
use super::{App, handle, probe};

/// Connections that wait to be accepted.
const BACKLOG: i32 = 1_024;
/// While it still listens, so that load balancers and clients with open connections learn that it will stop.
const FAREWELL: Duration = Duration::from_millis(500);
/// For connections that stand already to reach a worker, and for their requests to be read.
const HANDOVER: Duration = Duration::from_millis(250);

/// Listens on each address. `setting` names it in errors.
pub fn bind(setting: &str, addresses: &[SocketAddr]) -> Result<Vec<TcpListener>> {
    let one = |address: &SocketAddr| -> std::io::Result<TcpListener> {
        let socket = Socket::new(Domain::for_address(*address), Type::STREAM, None)?;
        socket.set_reuse_address(true)?;
        // For what is accepted here: the end of an answer that goes out in several pieces does not wait until the client has acknowledged
        // the others, which it does in its own time.
        socket.set_tcp_nodelay(true)?;
        socket.bind(&(*address).into())?;
        socket.listen(BACKLOG)?;
        Ok(socket.into())
    };
    let bound = |address: &SocketAddr| {
        one(address)
            .with_context(|| format!("{setting} = \"{address}\": cannot listen there; is another server running?"))
    };
    addresses.iter().map(bound).collect()
}

/// The server of the SCIM endpoints.
pub fn scim(
    app: &Arc<App>,
    limits: &Limits,
    listeners: Vec<TcpListener>,
    tls: Option<rustls::ServerConfig>,
) -> Result<Running> {
    let (app, watched) = (app.clone(), app.clone());
    let workers = workers();
    let header_time = Duration::from_secs(limits.header_time);
    let mut server = HttpServer::new(move || {
        // One for each worker: a counter that all of them move with every request would be carried from one to the other.
        let app = Rc::new(app.clone());
        let linger = Rc::new(Linger::one_of(workers));
        Site::new().default_service(web::to(move |http: HttpRequest, payload: web::Payload| {
            handle(app.clone(), linger.clone(), http, payload)
        }))
    })
    .on_connect(move |stream, known| watched.watch.enter(stream, known))
    .workers(workers)
    .max_connections(limits.connections.div_ceil(workers))
    .keep_alive(Duration::from_secs(limits.keep_alive))
    .client_request_timeout(header_time)
    .client_disconnect_timeout(header_time)
    .tls_handshake_timeout(header_time)
    .shutdown_timeout(limits.stop_time)
    .disable_signals();
    for listener in listeners {
        server = match &tls {
            Some(tls) => server.listen_rustls_0_23(listener, tls.clone())?,
            None => server.listen(listener)?,
        };
    }
    Ok(server.run())
}

/// The server of `server.metrics_listen`.
pub fn metrics(app: &Arc<App>, listeners: Vec<TcpListener>) -> Result<Running> {
    let app = app.clone();
    let mut server = HttpServer::new(move || {
        let app = app.clone();
        Site::new().route("/metrics", web::get().to(move || probe::metrics(app.clone())))
    })
    .workers(1)
    .shutdown_timeout(1)
    .disable_signals();
    for listener in listeners {
        server = server.listen(listener)?;
    }
    Ok(server.run())
}

/// Second handles on the listening sockets, for [`stop`].
pub fn doors(listeners: &[TcpListener]) -> std::io::Result<Vec<Socket>> {
    listeners.iter().map(|listener| listener.try_clone().map(Socket::from)).collect()
}

/// Tells everybody that the end is near, lets nobody new in, then finishes what was accepted. A listening socket that
/// is simply closed resets the connections in its queue, whose clients have sent their requests already.
pub async fn stop(app: &App, doors: Vec<Socket>, servers: &[ServerHandle]) {
    app.draining.store(true, Ordering::Relaxed);
    // Said when it is so: who reads it in the log and asks then is told that its connection ends.
    tracing::info!("stopping: no new connections, finishing what was accepted");
    tokio::time::sleep(FAREWELL).await;
    for door in &doors {
        if let Err(error) = shut(door) {
            tracing::debug!(%error, "new connections cannot be turned away; they are cut off");
        }
    }
    // The sockets close with their last handle.
    drop(doors);
    tokio::time::sleep(HANDOVER).await;
    for server in servers {
        server.pause().await;
    }
    tokio::time::sleep(HANDOVER).await;
    for server in servers {
        server.stop(true).await;
    }
}

/// Newcomers knock in vain until the socket is closed; those in its queue are still taken, and those who were let in but
/// have not come through the door yet: a client that was told so may have sent its request.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn shut(door: &Socket) -> std::io::Result<()> {
    use socket2::SockFilter;
    // Instructions of the classic packet filter, which is shown a segment from its TCP header on.
    const LOAD_BYTE: u16 = 0x30;
    const JUMP_IF_SET: u16 = 0x45;
    const RETURN: u16 = 0x06;
    const FLAGS: u32 = 13;
    const SYN: u32 = 0x02;
    door.attach_filter(&[
        SockFilter::new(LOAD_BYTE, 0, 0, FLAGS),
        SockFilter::new(JUMP_IF_SET, 0, 1, SYN),
        // So many bytes of a segment are kept: none of what asks for a connection, all of what belongs to one.
        SockFilter::new(RETURN, 0, 0, 0),
        SockFilter::new(RETURN, 0, 0, u32::MAX),
    ])
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn shut(_door: &Socket) -> std::io::Result<()> {
    Ok(())
}

fn workers() -> usize {
    std::thread::available_parallelism().map_or(2, std::num::NonZero::get)
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpStream};

    use super::*;

    #[test]
    fn what_is_accepted_sends_at_once() {
        let listeners = bind("server.listen", &[(Ipv4Addr::LOCALHOST, 0).into()]).unwrap();
        let client = TcpStream::connect(listeners[0].local_addr().unwrap()).unwrap();
        let (accepted, _) = listeners[0].accept().unwrap();
        assert!(accepted.nodelay().unwrap() && !client.nodelay().unwrap());
    }
}
