//! Kinds and their versions: list, show, deploy, roll back.
//! Reads an upload part by part within its bounds, and hands it to `registry`, which checks it.
//! Never looks into a component.

use axum::Json;
use axum::body::Bytes;
use axum::extract::multipart::{Field, MultipartError};
use axum::extract::{FromRequest, Multipart, Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_LENGTH;
use bytes::BytesMut;

use super::input::{self, Bound, Segments};
use super::problem::{BAD_REQUEST, DEPLOY_REFUSED, OVER_LIMIT, Problem, UNKNOWN_KIND};
use super::routes::Host;
use super::view::{KindSummary, Kinds, Rollback};
use crate::id::Kind;
use crate::manifest::Manifest;
use crate::registry::{Deployed, KindEntry, Registry};

/// Deploys at once: each holds a component in memory and compiles it.
pub(super) const DEPLOYS_MAX: usize = 2;
/// Largest manifest, in bytes.
const MANIFEST_BYTES_MAX: u64 = 64 << 10;
/// Room for the parts' own headers and boundaries.
const FRAME_BYTES_MAX: usize = 64 << 10;
/// When to try again after too many deploys, in seconds.
const DEPLOYS_RETRY_S: u32 = 5;

/// Most bytes of one upload, all parts and their frame.
pub(super) fn upload_bytes_max(component_bytes_max: usize) -> usize {
    component_bytes_max + (MANIFEST_BYTES_MAX as usize) + FRAME_BYTES_MAX
}

/// All kinds.
pub(super) async fn list(State(shared): Host) -> Json<Kinds> {
    let registry = &shared.api.registry;
    Json(Kinds { kinds: registry.kinds().into_iter().map(|entry| summary(registry, entry)).collect() })
}

/// One kind and its current version.
pub(super) async fn show(host: Host, Segments(kind): Segments<String>) -> Result<Json<KindSummary>, Problem> {
    Ok(Json(summary(&host.0.api.registry, entry(&host, &kind)?)))
}

/// All versions of a kind, oldest first.
pub(super) async fn versions(host: Host, Segments(kind): Segments<String>) -> Result<Json<KindEntry>, Problem> {
    Ok(Json(entry(&host, &kind)?))
}

/// Takes a component and perhaps its manifest, and makes it the kind's current version.
pub(super) async fn deploy(
    State(shared): Host,
    Segments(kind): Segments<String>,
    request: Request,
) -> Result<(StatusCode, Json<Deployed>), Problem> {
    let kind = Kind::from_outside(&kind)?;
    let _place = shared.deploys.try_acquire().map_err(|_| {
        let detail = format!("{DEPLOYS_MAX} components are being deployed, more are not taken at once");
        Problem::new(OVER_LIMIT, detail).retry_after(DEPLOYS_RETRY_S)
    })?;
    let upload = read_upload(request, shared.api.config.component_bytes_max);
    let (component, manifest) = input::in_time(input::UPLOAD_TIME_MAX, upload).await?;
    let deployed = shared.api.registry.deploy(kind, component, manifest).await?;
    let status = if deployed.unchanged { StatusCode::OK } else { StatusCode::CREATED };
    Ok((status, Json(deployed)))
}

/// Makes an earlier version current again.
pub(super) async fn rollback(
    State(shared): Host,
    Segments(kind): Segments<String>,
    request: Request,
) -> Result<Json<Deployed>, Problem> {
    let kind = Kind::from_outside(&kind)?;
    let Rollback { digest } = input::document(request.into_body()).await?;
    Ok(Json(shared.api.registry.rollback(&kind, digest.as_deref()).await?))
}

fn entry(State(shared): &Host, kind: &str) -> Result<KindEntry, Problem> {
    let kind = Kind::new(kind)?;
    let unknown =
        || Problem::new(UNKNOWN_KIND, format!("kind {kind} is not deployed: hydra deploy FILE.wasm --kind {kind}"));
    shared.api.registry.kind(&kind).ok_or_else(unknown)
}

fn summary(registry: &Registry, entry: KindEntry) -> KindSummary {
    let (versions, trouble) = (entry.versions.len(), registry.trouble(&entry.kind));
    let current = entry.versions.into_iter().find(|version| version.number == entry.current);
    KindSummary { kind: entry.kind, versions, current, trouble }
}

async fn read_upload(request: Request, component_bytes_max: usize) -> Result<(Bytes, Manifest), Problem> {
    let component_bound =
        Bound { what: "component", limit: component_bytes_max as u64, setting: "http.component_bytes_max" };
    let manifest_bound = Bound { what: "manifest", limit: MANIFEST_BYTES_MAX, setting: "fixed" };
    let declared = request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|declared| declared > upload_bytes_max(component_bytes_max) as u64) {
        return Err(too_large(&component_bound, declared));
    }
    let mut parts = Multipart::from_request(request, &()).await.map_err(|rejection| {
        Problem::new(
            BAD_REQUEST,
            format!("{}: send multipart/form-data with the part `component`", rejection.body_text()),
        )
    })?;
    let (mut component, mut manifest) = (None, None);
    while let Some(part) = parts.next_field().await.map_err(|error| broken(&error, &component_bound))? {
        match part.name() {
            Some("component") if component.is_none() => component = Some(read_part(part, &component_bound).await?),
            Some("manifest") if manifest.is_none() => manifest = Some(read_part(part, &manifest_bound).await?),
            name => {
                let name = crate::id::shown(name.unwrap_or_default());
                let detail =
                    format!("part {name:?} is unknown or repeated: send `component` and, if you like, `manifest`");
                return Err(Problem::new(BAD_REQUEST, detail));
            }
        }
    }
    let component = component.ok_or_else(|| Problem::new(BAD_REQUEST, "the part `component` is missing"))?;
    Ok((component, read_manifest(manifest.unwrap_or_default())?))
}

async fn read_part(mut part: Field<'_>, bound: &Bound) -> Result<Bytes, Problem> {
    let mut bytes = BytesMut::new();
    while let Some(chunk) = part.chunk().await.map_err(|error| broken(&error, bound))? {
        if (bytes.len() + chunk.len()) as u64 > bound.limit {
            return Err(too_large(bound, None));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.freeze())
}

fn read_manifest(text: Bytes) -> Result<Manifest, Problem> {
    let refuse = |detail: String| Problem::new(DEPLOY_REFUSED, detail).code("manifest");
    let text = std::str::from_utf8(&text).map_err(|_| refuse("actor.toml: not UTF-8".into()))?;
    Manifest::parse(text).map_err(|error| refuse(error.to_string()))
}

fn too_large(bound: &Bound, size: Option<u64>) -> Problem {
    Problem::too_large(bound.what, size, bound.limit, bound.setting)
}

fn broken(error: &MultipartError, bound: &Bound) -> Problem {
    if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return too_large(bound, None);
    }
    Problem::new(BAD_REQUEST, format!("the upload cannot be read: {}", error.body_text()))
}
