//! The SCIM endpoints: one short function a kind of place. What a message means is for the service to say.

use std::borrow::Cow;
use std::ops::Deref;
use std::sync::Arc;

use actix_web::http::Method;
use actix_web::http::header::{self, HeaderName};
use actix_web::web::{Bytes, Payload};
use scim_core::schema::{Registry, ResourceType};
use scim_core::service::{Caller, Conditions, Over, Prefer};
use scim_core::store::control::MeMode;
use scim_core::{ErrorKind, ScimError};
use tokio::sync::SemaphorePermit;

use crate::limits::Admission;
use crate::metrics::Route;

use super::admit::{Admitted, admit};
use super::query::Query;
use super::respond::{Answer, Caching};
use super::route::{self, Place, ScimPath};
use super::{App, Asked, Trace, body, negotiate};

/// RFC 7240.
const PREFER: HeaderName = HeaderName::from_static("prefer");

const LOOK: &str = "GET, HEAD, OPTIONS";
const SEARCH: &str = "POST, OPTIONS";
const TYPE: &str = "GET, HEAD, POST, OPTIONS";
const RESOURCE: &str = "GET, HEAD, PUT, PATCH, DELETE, OPTIONS";
const ME: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

/// A request below a SCIM base URL.
struct Request<'a> {
    app: &'a App,
    asked: &'a Asked<'a>,
    query: Query,
    payload: Payload,
    /// Of the caller's tenant; None where nobody had to say who asks.
    share: Option<&'a Admission>,
}

/// A body that is there, with the place at work that came with it.
struct Sent<'a> {
    bytes: Bytes,
    _place: Option<SemaphorePermit<'a>>,
}

impl Deref for Sent<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Answers it.
pub async fn answer(
    app: &App,
    asked: &Asked<'_>,
    payload: Payload,
    path: &ScimPath<'_>,
    trace: &mut Trace,
) -> Result<Answer, ScimError> {
    let query = Query::parse(asked.http.query_string());
    let query_token = query.as_ref().is_ok_and(|query| query.token);
    let open = path.place(false);
    if path.version_2 && open == Place::ProviderConfig && !query_token {
        trace.route = Route::ProviderConfig;
        return provider_config(app, asked, &query?);
    }
    let discovery = matches!(open, Place::Schemas(_) | Place::ResourceTypes(_));
    if app.open_discovery && discovery && path.version_2 && path.tenant.is_none() && !asked.has_credential() {
        let request = Request { app, asked, query: query?, payload, share: None };
        return request.open_discovery(open, trace).await;
    }

    let Admitted { caller, tenant } = admit(app, asked, path.tenant.as_deref(), query_token).await?;
    let place = path.place(caller.rules().endpoint_any_case);
    trace.route = route_of(&place);
    let (caller, tenant) = (&*trace.caller.insert(caller), &**trace.tenant.insert(tenant));
    if !path.version_2 {
        let detail = "this server speaks SCIM version 2 only: use /scim/v2";
        return Err(ScimError::new(ErrorKind::InvalidVers, detail));
    }
    let share = &tenant.share;
    share.pace(asked.at)?;
    // Who sends a body enters when it is there.
    let _place = if asked.brings_body() { None } else { Some(share.enter(asked.until).await?) };
    Request { app, asked, query: query?, payload, share: Some(share) }.at(place, caller).await
}

fn route_of(place: &Place<'_>) -> Route {
    match place {
        Place::Root => Route::Root,
        Place::RootSearch | Place::TypeSearch(_) | Place::DiscoverySearch => Route::Search,
        Place::ProviderConfig => Route::ProviderConfig,
        Place::Schemas(_) => Route::Schemas,
        Place::ResourceTypes(_) => Route::ResourceTypes,
        Place::Bulk => Route::Bulk,
        Place::Me => Route::Me,
        Place::Type(_) => Route::Collection,
        Place::Resource(..) => Route::Resource,
        Place::Unknown => Route::Other,
    }
}

/// Open to all, the same for all (RFC 7643 section 5).
fn provider_config(app: &App, asked: &Asked<'_>, query: &Query) -> Result<Answer, ScimError> {
    if !asked.is_get() {
        return other_method(asked, LOOK);
    }
    no_filter(query)?;
    let reply = app.service.service_provider_config(&app.base, &asked.conditions());
    Ok(Answer::from(reply).caching(Caching::Public))
}

impl<'a> Request<'a> {
    /// What is large while it is under way is kept apart: a request is moved several times on its way here, and each is as large as the
    /// largest.
    async fn at(self, place: Place<'_>, caller: &Caller) -> Result<Answer, ScimError> {
        match place {
            Place::Root => self.list(caller, Over::Root).await,
            Place::RootSearch => Box::pin(self.search(caller, Over::Root)).await,
            Place::ProviderConfig => provider_config(self.app, self.asked, &self.query),
            Place::Schemas(_) | Place::ResourceTypes(_) => self.discovery(&caller.tenant.registry, &caller.base, place),
            Place::DiscoverySearch => Box::pin(self.discovery_search()).await,
            Place::Bulk => Box::pin(self.bulk(caller)).await,
            Place::Me => Box::pin(self.me(caller)).await,
            Place::Type(name) => {
                let kind = known(caller, name)?;
                self.collection(caller, &kind).await
            }
            Place::TypeSearch(name) => {
                let kind = known(caller, name)?;
                Box::pin(self.search(caller, Over::Type(&kind))).await
            }
            Place::Resource(name, id) => {
                let kind = known(caller, name)?;
                if !self.allows(RESOURCE) {
                    return other_method(self.asked, RESOURCE);
                }
                if !route::valid_id(id) {
                    return Err(ScimError::no_resource());
                }
                self.resource(caller, &kind, id).await
            }
            Place::Unknown => Err(route::unknown()),
        }
    }

    /// `/Users`.
    async fn collection(self, caller: &Caller, kind: &Arc<ResourceType>) -> Result<Answer, ScimError> {
        if *self.asked.http.method() != Method::POST {
            return self.list_with(caller, Over::Type(kind), TYPE).await;
        }
        Box::pin(self.create(caller, kind)).await
    }

    async fn create(self, caller: &Caller, kind: &Arc<ResourceType>) -> Result<Answer, ScimError> {
        self.acceptable()?;
        let app = self.app;
        let view = self.query.view().clone();
        let prefer = self.asked.prefer();
        let body = self.body(app.limits.body).await?;
        let mut reply = app.service.create(caller, kind, &body, &view).await?;
        if prefer.representation == Some(false) && view.is_default() {
            reply.body = Bytes::new();
        }
        Ok(Answer::from(reply).preferring(prefer))
    }

    async fn list(self, caller: &Caller, over: Over<'_>) -> Result<Answer, ScimError> {
        self.list_with(caller, over, LOOK).await
    }

    async fn list_with(self, caller: &Caller, over: Over<'_>, allow: &'static str) -> Result<Answer, ScimError> {
        if !self.asked.is_get() {
            return other_method(self.asked, allow);
        }
        self.acceptable()?;
        Ok(Box::pin(self.app.service.list(caller, over, &self.query.list)).await?.into())
    }

    /// `/.search` and `/Users/.search`.
    async fn search(self, caller: &Caller, over: Over<'_>) -> Result<Answer, ScimError> {
        if !self.allows(SEARCH) {
            return other_method(self.asked, SEARCH);
        }
        self.acceptable()?;
        let app = self.app;
        let body = self.body(app.limits.body).await?;
        Ok(app.service.search(caller, over, &body).await?.into())
    }

    /// `/Users/{id}`.
    async fn resource(self, caller: &Caller, kind: &Arc<ResourceType>, id: &str) -> Result<Answer, ScimError> {
        if matches!(*self.asked.http.method(), Method::PUT | Method::PATCH | Method::DELETE) {
            return Box::pin(self.change(caller, kind, id)).await;
        }
        self.acceptable()?;
        let conditions = self.asked.conditions();
        Ok(Box::pin(self.app.service.read(caller, kind, id, self.query.view(), &conditions)).await?.into())
    }

    async fn change(self, caller: &Caller, kind: &Arc<ResourceType>, id: &str) -> Result<Answer, ScimError> {
        let app = self.app;
        let service = &app.service;
        let asked = self.asked;
        let conditions = asked.conditions();
        if *asked.http.method() == Method::DELETE {
            return Ok(service.delete(caller, kind, id, &conditions).await?.into());
        }
        self.acceptable()?;
        let view = self.query.view().clone();
        let prefer = asked.prefer();
        let body = self.body(app.limits.body).await?;
        let reply = if *asked.http.method() == Method::PUT {
            service.replace(caller, kind, id, &body, &view, &conditions, &prefer).await?
        } else {
            service.patch(caller, kind, id, &body, &view, &conditions, &prefer).await?
        };
        Ok(Answer::from(reply).preferring(prefer))
    }

    /// RFC 7644 section 3.11.
    async fn me(self, caller: &Caller) -> Result<Answer, ScimError> {
        if !self.allows(ME) {
            return other_method(self.asked, ME);
        }
        let mode = caller.tenant.settings.me.unwrap_or_default();
        if mode == MeMode::Off {
            return Err(ScimError::not_implemented("this tenant does not offer /Me"));
        }
        if *self.asked.http.method() == Method::POST {
            return Err(ScimError::not_implemented(
                "resources cannot be created at /Me; use the endpoint of their type",
            ));
        }
        let (kind, id) = self.app.service.me(caller).await?;
        if mode == MeMode::Redirect {
            let location = format!("{}{}/{id}", caller.base, kind.endpoint);
            return Ok(Answer::Redirect { location });
        }
        self.resource(caller, &kind, id.as_str()).await
    }

    /// RFC 7644 section 3.7.
    async fn bulk(self, caller: &Caller) -> Result<Answer, ScimError> {
        if !self.allows(SEARCH) {
            return other_method(self.asked, SEARCH);
        }
        self.acceptable()?;
        let app = self.app;
        let body = self.body(app.limits.bulk_body).await?;
        Ok(app.service.bulk(caller, &body).await?.into())
    }

    /// `/Schemas` and `/ResourceTypes` (RFC 7644 section 4).
    fn discovery(&self, types: &Registry, base: &str, place: Place<'_>) -> Result<Answer, ScimError> {
        if !self.asked.is_get() {
            return other_method(self.asked, LOOK);
        }
        self.acceptable()?;
        no_filter(&self.query)?;
        let service = &self.app.service;
        let conditions = self.asked.conditions();
        let reply = match place {
            Place::Schemas(urn) => service.schemas(types, base, urn, &conditions)?,
            Place::ResourceTypes(name) => service.resource_types(types, base, name, &conditions)?,
            _ => return Err(route::unknown()),
        };
        Ok(reply.into())
    }

    /// The same for everybody, where the operator opened it: the types of the server, not a tenant's.
    async fn open_discovery(self, place: Place<'_>, trace: &mut Trace) -> Result<Answer, ScimError> {
        trace.route = route_of(&place);
        let types = self.app.tenants.registries().plain.clone();
        Ok(self.discovery(&types, &self.app.base, place)?.caching(Caching::Public))
    }

    /// 7644-4-09: 403 with a filter, 404 otherwise.
    async fn discovery_search(self) -> Result<Answer, ScimError> {
        if !self.allows(SEARCH) {
            return other_method(self.asked, SEARCH);
        }
        let most = self.app.limits.body;
        let limits = self.app.limits.clone();
        let body = self.body(most).await?;
        let message = scim_core::document::json::parse(&body, &limits)?;
        let names_filter =
            message.as_object().is_some_and(|keys| keys.keys().any(|key| key.eq_ignore_ascii_case("filter")));
        Err(if names_filter { filter_refused() } else { route::unknown() })
    }

    /// Is the method one of these?
    fn allows(&self, allow: &str) -> bool {
        let method = self.asked.http.method();
        *method != Method::OPTIONS && allow.split(", ").any(|one| one == method.as_str())
    }

    /// Is there a media type that both sides speak? Asked before anything is done.
    fn acceptable(&self) -> Result<(), ScimError> {
        negotiate::accepted(self.asked.http.headers()).map(drop)
    }

    async fn body(self, most: usize) -> Result<Sent<'a>, ScimError> {
        let headers = self.asked.http.headers();
        negotiate::check_body(headers)?;
        let until = self.asked.until;
        let Some(share) = self.share else {
            return Ok(Sent { bytes: body::read(headers, self.payload, most, until).await?, _place: None });
        };
        let arriving = if body::may_be_large(headers) { Some(share.receive(until).await?) } else { None };
        let bytes = body::read(headers, self.payload, most, until).await?;
        drop(arriving);
        Ok(Sent { bytes, _place: Some(share.enter(until).await?) })
    }
}

/// 405 with the methods there are; OPTIONS is told them in peace (9110-9.3.7-01).
fn other_method(asked: &Asked<'_>, allow: &'static str) -> Result<Answer, ScimError> {
    if *asked.http.method() == Method::OPTIONS {
        return Ok(Answer::Methods { allow, refused: false });
    }
    Ok(Answer::Methods { allow, refused: true })
}

fn known(caller: &Caller, name: &str) -> Result<Arc<ResourceType>, ScimError> {
    let any_case = caller.principal.profile.rules().endpoint_any_case;
    caller.tenant.registry.endpoint(name, any_case).cloned().ok_or_else(route::unknown)
}

fn no_filter(query: &Query) -> Result<(), ScimError> {
    if query.list.filter.is_some() { Err(filter_refused()) } else { Ok(()) }
}

fn filter_refused() -> ScimError {
    ScimError::forbidden("discovery endpoints take no filter (RFC 7644 section 4)")
}

impl Asked<'_> {
    /// Does the method come with a body?
    fn brings_body(&self) -> bool {
        matches!(*self.http.method(), Method::POST | Method::PUT | Method::PATCH)
    }

    fn has_credential(&self) -> bool {
        self.http.headers().contains_key(header::AUTHORIZATION)
    }

    fn conditions(&self) -> Conditions {
        Conditions {
            if_match: self.lines(header::IF_MATCH),
            if_none_match: self.lines(header::IF_NONE_MATCH),
            if_modified_since: self.lines(header::IF_MODIFIED_SINCE),
            if_unmodified_since: self.lines(header::IF_UNMODIFIED_SINCE),
        }
    }

    /// `Prefer: return=minimal` (RFC 7240).
    fn prefer(&self) -> Prefer {
        let lines = self.lines(PREFER).map_or(Cow::Borrowed(""), Cow::Owned);
        let wants = |what: &str| {
            lines.split([',', ';']).filter_map(|one| one.split_once('=')).any(|(name, value)| {
                name.trim().eq_ignore_ascii_case("return") && value.trim().trim_matches('"').eq_ignore_ascii_case(what)
            })
        };
        let representation = if wants("representation") {
            Some(true)
        } else if wants("minimal") {
            Some(false)
        } else {
            None
        };
        Prefer { representation }
    }
}
