//! `serve`.

use anyhow::Result;

use crate::say::say;
use crate::telemetry;

use super::Context;

/// Serves until told to stop.
pub fn run(context: Context<'_>) -> Result<()> {
    telemetry::start(&context.settings.log)?;
    telemetry::quiet_panics();
    actix_web::rt::System::new().block_on(async {
        let server = crate::Server::open(context.settings, context.sources, context.backends).await?;
        if let Some(first) = server.first() {
            say(first.text(server.base()))?;
        }
        server.run().await
    })
}
