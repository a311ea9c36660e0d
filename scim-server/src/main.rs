//! The `scim-server` program. All of it is in the library, so that another binary can add backends.

#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    scim_server::Server::builder().main()
}
