//! Who asks, for whom, and may they now: credential, tenant, fair share. Every place but `/ServiceProviderConfig` goes
//! through here (threats A01, A02, A09, A11, A13).

use std::sync::Arc;

use scim_core::access::Principal;
use scim_core::clock::Clock;
use scim_core::service::Caller;
use scim_core::store::control::Grant;
use scim_core::{ErrorKind, ScimError};

use crate::auth::bearer::{self, Refused, UNKNOWN};
use crate::auth::token;
use crate::edge::SystemClock;
use crate::limits::later;
use crate::tenancy::Ready;

use super::{App, Asked, route};

/// A caller who may come in.
#[derive(Debug)]
pub struct Admitted {
    /// What the service needs to know of it.
    pub caller: Caller,
    /// Its tenant.
    pub tenant: Arc<Ready>,
}

/// Checks the credential, and that the tenant named in the path is its own.
pub async fn admit(
    app: &App,
    asked: &Asked<'_>,
    named: Option<&str>,
    query_token: bool,
) -> Result<Admitted, ScimError> {
    if query_token {
        return Err(wrong(app, asked, "tokens are not accepted in the URL; send them in the Authorization header"));
    }
    let given = match bearer::token(asked.http.headers()) {
        Ok(given) => given,
        Err(Refused::Missing) => {
            let detail = "this needs a credential: send Authorization: Bearer and a token";
            return Err(ScimError::new(ErrorKind::Unauthorized, detail));
        }
        Err(Refused::Wrong(why)) => return Err(wrong(app, asked, why)),
    };
    let Some(grant) = look_up(app, given).await? else { return Err(wrong(app, asked, UNKNOWN)) };
    if named.is_some_and(|named| named != grant.tenant.id.as_str()) {
        return Err(route::unknown());
    }
    let tenant = app.tenants.get(&grant.tenant).await?;
    let base = if named.is_some() { &tenant.base } else { &app.base };
    let caller = Caller {
        tenant: tenant.tenant.clone(),
        principal: Arc::new(principal(&grant)),
        request: asked.id.as_str().into(),
        base: base.clone(),
        deadline: Some(asked.until),
    };
    if !app.service.may_act(&caller).await? {
        return Err(wrong(app, asked, "the user whom this token stands for is deactivated or gone"));
    }
    Ok(Admitted { caller, tenant })
}

/// What this token opens, if its credential and its tenant are good now.
async fn look_up(app: &App, given: &str) -> Result<Option<Arc<Grant>>, ScimError> {
    if !token::plausible(given) {
        return Ok(None);
    }
    let digest = token::digest(given);
    let Some(grant) = app.control.credential(&digest).await? else { return Ok(None) };
    let credential = &grant.credential;
    let now = SystemClock.now();
    if credential.digest != digest || grant.tenant.disabled || credential.expires.is_some_and(|end| end <= now) {
        return Ok(None);
    }
    app.usage.note(credential, now);
    Ok(Some(grant))
}

fn principal(Grant { credential, tenant }: &Grant) -> Principal {
    Principal {
        name: credential.name.as_str().into(),
        rights: credential.rights.clone(),
        profile: credential.profile.or(tenant.settings.profile).unwrap_or_default(),
        subject: credential.subject.clone(),
    }
}

/// Counts a wrong credential: 401, or 429 once the address has sent too many.
fn wrong(app: &App, asked: &Asked<'_>, why: &'static str) -> ScimError {
    app.metrics.wrong_credential();
    let address = asked.client(&app.trusted);
    match app.failures.count(address, asked.at) {
        Ok(()) => {
            tracing::info!(request = %asked.id, %address, why, "wrong credential");
            ScimError::new(ErrorKind::Unauthorized, why)
        }
        Err(wait) => {
            let detail = "too many requests with a wrong credential came from this address; wait and send a right one";
            later(ErrorKind::TooManyRequests, detail, wait)
        }
    }
}
