//! GraphQL over HTTP: one request, one answer. A kept answer is found by the request's bytes as they came, so that a hit
//! reads neither JSON nor GraphQL.

use std::sync::Arc;
use std::time::Duration;

use async_graphql::Variables;
use async_graphql::parser::types::{DocumentOperations, ExecutableDocument, OperationType};
use axum::body::Body;
use axum::extract::{RawQuery, Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use http_body_util::BodyExt;
use kernel::{Context, ErrorKind, Failure, Scope};
use pg::Server;
use runtime::cache::{Found, Looked, Moment};
use runtime::http::extract::{body_failure, parse_json};
use runtime::http::reply::FailureBody;
use runtime::http::{ApiError, Caller};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Ask, errors, limits};
use crate::Products;
use crate::cache::{Answer, Sources};
use crate::replica::Covered;

/// Longest name of an operation.
const MAX_NAME_CHARS: usize = 256;
/// How long the replica may take before the primary is asked instead.
const REPLICA_PATIENCE: Duration = Duration::from_secs(2);
/// Longest document in a query string; together with what follows it fits the longest URI.
const MAX_QUERY_CHARS: usize = 2048;
/// Longest variables in a query string.
const MAX_VARIABLES_CHARS: usize = 1024;
/// Longest extensions in a query string.
const MAX_EXTENSIONS_CHARS: usize = 512;

/// A GraphQL request.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GraphqlRequest {
    /// The document.
    #[schema(max_length = 65536)]
    query: String,
    /// Which of the document's operations to run.
    #[serde(rename = "operationName")]
    #[schema(max_length = 256)]
    operation_name: Option<String>,
    /// Values of the operation's variables, by name.
    #[schema(value_type = Option<Object>)]
    variables: Option<serde_json::Map<String, serde_json::Value>>,
    /// Not used.
    #[schema(value_type = Option<Object>)]
    #[expect(dead_code, reason = "the protocol has it, and no extension is known here")]
    extensions: Option<serde_json::Map<String, serde_json::Value>>,
}

/// The same in a query string, with JSON as text.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct QueryParameters {
    query: String,
    #[serde(rename = "operationName")]
    operation_name: Option<String>,
    variables: Option<String>,
    extensions: Option<String>,
}

/// A GraphQL answer.
#[derive(Debug, Serialize, ToSchema)]
pub struct GraphqlAnswer {
    /// What was asked for; missing when the request was not run.
    #[schema(value_type = Option<Object>)]
    data: Option<serde_json::Value>,
    /// What went wrong; missing when nothing did.
    #[schema(value_type = Option<Vec<Object>>, max_items = 1000)]
    errors: Option<serde_json::Value>,
}

/// In which media type the answer goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Media {
    /// `application/json`: every well-formed request is answered with 200.
    Json,
    /// `application/graphql-response+json`: a request that is not run is answered with 4xx.
    GraphqlResponse,
}

/// What an executed or refused request answers.
struct Rendered {
    body: Bytes,
    /// Whether the request was run.
    ran: bool,
}

/// Ask the catalog or change it, by GraphQL.
#[utoipa::path(
    post,
    path = "/api/v1/graphql",
    operation_id = "graphql",
    tag = "products",
    request_body = GraphqlRequest,
    responses(
        (status = 200, description = "The answer", content(
            (GraphqlAnswer = "application/json"), (GraphqlAnswer = "application/graphql-response+json"))),
        (status = 400, description = "Not a GraphQL request, or one that cannot be run", content(
            (FailureBody = "application/json"), (GraphqlAnswer = "application/graphql-response+json"))),
        (status = 403, description = "The access token does not allow a mutation"),
        (status = 406, description = "None of the media types that the caller accepts can be served"))
)]
pub async fn graphql(
    State(products): State<Arc<Products>>,
    Caller(context): Caller,
    request: Request<Body>,
) -> Result<Response, ApiError> {
    let media = negotiate(request.headers())?;
    let body = request.into_body().collect().await.map_err(|error| body_failure(&error))?.to_bytes();
    let read = |body: &Bytes| parse_json(body).map_err(malformed);
    Ok(answer(products, context, media, Source { key: body, is_get: false, known: None }, read).await)
}

/// Ask the catalog by GraphQL. A mutation takes POST.
#[utoipa::path(
    get,
    path = "/api/v1/graphql",
    operation_id = "graphql_query",
    tag = "products",
    params(
        ("query" = String, Query, description = "The document", max_length = 2048),
        ("operationName" = Option<String>, Query, description = "Which operation to run", max_length = 256),
        ("variables" = Option<String>, Query, description = "Values of variables, as JSON", max_length = 1024),
        ("extensions" = Option<String>, Query, description = "Not used, JSON", max_length = 512),
    ),
    responses(
        (status = 200, description = "The answer", content(
            (GraphqlAnswer = "application/json"), (GraphqlAnswer = "application/graphql-response+json"))),
        (status = 400, description = "Not a GraphQL request, or one that cannot be run", content(
            (FailureBody = "application/json"), (GraphqlAnswer = "application/graphql-response+json"))),
        (status = 405, description = "A mutation takes POST"),
        (status = 406, description = "None of the media types that the caller accepts can be served"),
        (status = 414, description = "The parameters together are longer than a URI may be: use POST"))
)]
pub async fn graphql_query(
    State(products): State<Arc<Products>>,
    Caller(context): Caller,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let media = negotiate(&headers)?;
    // The question mark keeps it apart from every JSON body.
    let key = Bytes::from(format!("?{}", query.unwrap_or_default()));
    let known = headers.get(header::IF_NONE_MATCH).cloned();
    Ok(answer(products, context, media, Source { key, is_get: true, known }, parse_query_string).await)
}

/// A request as it came.
struct Source {
    key: Bytes,
    is_get: bool,
    /// The entity tag of the answer that the caller has; only for GET.
    known: Option<HeaderValue>,
}

impl Source {
    /// Whether the caller has this answer already.
    fn has(&self, answer: &Answer) -> bool {
        self.known.as_ref() == Some(&answer.etag)
    }
}

async fn answer(
    products: Arc<Products>,
    context: Context,
    media: Media,
    mut source: Source,
    read: impl FnOnce(&Bytes) -> Result<GraphqlRequest, Failure>,
) -> Response {
    // What only staff see is not kept, and staff see what is, not what was.
    let kept = !context.has_scope(Scope::ReadProducts);
    if kept {
        products.check_memory().await;
    }
    if kept && let Some(answer) = products.answers.get(&source.key, &products.changes).await {
        return send_kept(&answer, media, &source);
    }
    let request = read(&source.key);
    let prepared = match request.and_then(|it| Prepared::new(it, &products, &context, source.is_get)) {
        Ok(prepared) => prepared,
        Err(failure) => return refuse(&failure, media),
    };
    if prepared.operation == OperationType::Query && kept {
        // A copy: the bytes are a part of what the connection read, which must not be kept with them.
        source.key = Bytes::copy_from_slice(&source.key);
        let load = || load(&products, &context, &prepared, &source.key);
        return match products.answers.get_or_load(&source.key, &products.changes, load).await {
            Ok(answer) => send_kept(&answer, media, &source),
            Err(rendered) => send(&rendered, media),
        };
    }
    let rendered = match prepared.operation {
        OperationType::Query => ask_directly(&products, &context, &prepared).await,
        _ => {
            let (rendered, _) = execute(&products, &context, &prepared, Server::Primary).await;
            products.replica.wrote(&products.db, &context).await;
            rendered
        }
    };
    send(&rendered, media)
}

/// An answer that is not kept: from the replica if that shows what the caller wrote.
async fn ask_directly(products: &Arc<Products>, context: &Context, prepared: &Prepared) -> Rendered {
    if products.replica.server_for(context).await == Server::Replica
        && let Some((rendered, _)) = try_replica(products, context, prepared).await
    {
        return rendered;
    }
    execute(products, context, prepared, Server::Primary).await.0
}

/// What the replica answers; none if there is an error in it or it takes too long: then the primary is asked.
async fn try_replica(
    products: &Arc<Products>,
    context: &Context,
    prepared: &Prepared,
) -> Option<(Rendered, Arc<Sources>)> {
    let asked = tokio::time::timeout(REPLICA_PATIENCE, execute(products, context, prepared, Server::Replica));
    let (rendered, sources) = asked.await.ok()?;
    Some((rendered, sources?))
}

/// A request that may be run.
struct Prepared {
    request: GraphqlRequest,
    document: ExecutableDocument,
    operation: OperationType,
}

impl Prepared {
    /// Checks a request before it is validated: its size, its operation, and whether the caller may run that.
    fn new(request: GraphqlRequest, products: &Products, context: &Context, is_get: bool) -> Result<Self, Failure> {
        let invalid = |message: String| Failure::new(ErrorKind::Malformed, "GRAPHQL_INVALID", message);
        bounded("operationName", request.operation_name.as_deref(), MAX_NAME_CHARS)?;
        limits::check_text(&request.query, &products.graphql)?;
        let document =
            async_graphql::parser::parse_query(&request.query).map_err(|error| invalid(error.to_string()))?;
        limits::check_document(&document, &products.graphql)?;
        let operation = match (&document.operations, &request.operation_name) {
            (DocumentOperations::Single(operation), None) => Some(operation),
            (DocumentOperations::Multiple(operations), Some(name)) => operations.get(name.as_str()),
            (DocumentOperations::Multiple(operations), None) if operations.len() == 1 => operations.values().next(),
            (DocumentOperations::Single(_), Some(_)) | (DocumentOperations::Multiple(_), None) => None,
        };
        let operation =
            operation.ok_or_else(|| invalid("operationName takes the name of an operation of the document".into()))?;
        for definition in operation.node.variable_definitions.iter().map(|definition| &definition.node) {
            let name = definition.name.node.as_str();
            let given = request
                .variables
                .as_ref()
                .and_then(|variables| variables.get(name))
                .is_some_and(|value| !value.is_null());
            if !given && !definition.var_type.node.nullable && definition.default_value.is_none() {
                return Err(invalid(format!("Variable ${name} takes a value")));
            }
        }
        let operation = operation.node.ty;
        if operation == OperationType::Mutation {
            if is_get {
                let message = "A mutation takes POST";
                return Err(Failure::new(ErrorKind::MethodNotAllowed, "METHOD_NOT_ALLOWED", message));
            }
            crate::ops::require_write(context).map_err(Failure::from)?;
        }
        Ok(Self { request, document, operation })
    }
}

/// An answer that is to be kept: from what the instances share, or made and shared with them.
async fn load(
    products: &Arc<Products>,
    context: &Context,
    prepared: &Prepared,
    request: &Bytes,
) -> Result<Answer, Rendered> {
    let Some(shared) = &products.shared else { return Ok(make(products, context, prepared).await?.0) };
    let stamp = products.changes.now();
    match shared.find(request).await {
        Looked::Found(Found { body, marks }) => Ok(Answer::new(&body, marks, stamp)),
        Looked::Missing(began) => {
            let (answer, read_at) = make(products, context, prepared).await?;
            let moment = match read_at {
                ReadAt::Now => Some(began),
                ReadAt::Moment(moment) => moment.and_then(|moment| moment.or_before(began)),
            };
            if let Some(moment) = moment {
                shared.keep(request, &moment, &answer).await;
            }
            Ok(answer)
        }
        Looked::Closed | Looked::Unknown => Ok(make(products, context, prepared).await?.0),
    }
}

/// Up to which change an answer is complete, in the order that all instances share.
enum ReadAt {
    /// Every change of before it was made.
    Now,
    /// Up to there; unknown if there is none.
    Moment(Option<Moment>),
}

/// Makes an answer that is to be kept.
async fn make(products: &Arc<Products>, context: &Context, prepared: &Prepared) -> Result<(Answer, ReadAt), Rendered> {
    if products.replica.is_usable()
        && let Some(Covered { stamp, moment }) = products.replica.covered()
        && let Some((rendered, sources)) = try_replica(products, context, prepared).await
    {
        let answer = Answer::new(&rendered.body, sources.marks(), stamp);
        // The replica may not have a change of the last moment. The primary has.
        if answer.has_all(&products.changes) {
            products.replica.count(Server::Replica);
            return Ok((answer, ReadAt::Moment(moment)));
        }
    }
    products.replica.count(Server::Primary);
    let stamp = products.changes.now();
    let (rendered, sources) = execute(products, context, prepared, Server::Primary).await;
    match sources {
        Some(sources) => Ok((Answer::new(&rendered.body, sources.marks(), stamp), ReadAt::Now)),
        None => Err(rendered),
    }
}

impl Products {
    /// Gives up what is kept in memory if changes that were answered elsewhere may be missing in it.
    async fn check_memory(&self) {
        if let Some(shared) = &self.shared
            && !shared.level().may_trust_memory().await
        {
            self.changes.mark_all();
        }
    }
}

/// Runs a request. Gives what the answer is made from, unless there are errors in it.
async fn execute(
    products: &Arc<Products>,
    context: &Context,
    prepared: &Prepared,
    server: Server,
) -> (Rendered, Option<Arc<Sources>>) {
    let sources = Arc::new(Sources::default());
    let ask = Ask { products: Arc::clone(products), server, context: context.clone(), sources: Arc::clone(&sources) };
    let GraphqlRequest { query, operation_name, variables, .. } = &prepared.request;
    let variables = variables.clone().map(serde_json::Value::Object).unwrap_or_default();
    let mut request = async_graphql::Request::new(query).variables(Variables::from_json(variables)).data(ask);
    request.operation_name.clone_from(operation_name);
    request.set_parsed_query(prepared.document.clone());
    let mut response = products.schema.execute(request).await;
    for error in &mut response.errors {
        errors::with_code(error);
    }
    // Errors without a place in the answer come from before it was run.
    let ran = response.errors.is_empty() || response.errors.iter().any(|error| !error.path.is_empty());
    let is_good = response.errors.is_empty();
    let body = if ran { json(&response) } else { json(&serde_json::json!({ "errors": response.errors })) };
    (Rendered { body, ran }, is_good.then_some(sources))
}

fn json(value: &impl Serialize) -> Bytes {
    // Values of GraphQL are JSON.
    serde_json::to_vec(value).unwrap_or_default().into()
}

/// Reads the query string.
fn parse_query_string(key: &Bytes) -> Result<GraphqlRequest, Failure> {
    let text = std::str::from_utf8(key).unwrap_or_default().trim_start_matches('?');
    let uri = format!("/?{text}")
        .parse()
        .map_err(|_| Failure::new(ErrorKind::Malformed, "INVALID_QUERY", "Not a query string"))?;
    let parsed = axum::extract::Query::<QueryParameters>::try_from_uri(&uri);
    let axum::extract::Query(parameters) = parsed.map_err(|error| {
        Failure::new(
            ErrorKind::Malformed,
            "INVALID_QUERY",
            format!("The query string does not fit: {}", error.body_text()),
        )
    })?;
    let object = |field: &str, text: Option<String>| {
        let parsed = text.map_or(Ok(None), |text| parse_json::<Option<serde_json::Map<_, _>>>(text.as_bytes()));
        parsed.map_err(|failure| malformed(of_parameter(field, failure)))
    };
    let QueryParameters { query, operation_name, variables, extensions } = parameters;
    bounded("query", Some(&query), MAX_QUERY_CHARS)?;
    bounded("variables", variables.as_deref(), MAX_VARIABLES_CHARS)?;
    bounded("extensions", extensions.as_deref(), MAX_EXTENSIONS_CHARS)?;
    Ok(GraphqlRequest {
        query,
        operation_name,
        variables: object("variables", variables)?,
        extensions: object("extensions", extensions)?,
    })
}

/// Names the parameter in which the JSON stands.
fn of_parameter(field: &str, mut failure: Failure) -> Failure {
    failure.message = format!("{field}: {}", failure.message).into();
    for detail in &mut failure.details {
        field.clone_into(&mut detail.field);
    }
    failure
}

/// Refuses a text that is longer than the document of the API says.
fn bounded(field: &str, text: Option<&str>, max: usize) -> Result<(), Failure> {
    if text.is_none_or(|text| text.chars().count() <= max) {
        return Ok(());
    }
    Err(malformed(Failure::invalid_field(field, "TOO_LONG", format!("{field} takes at most {max} characters"))))
}

/// GraphQL over HTTP answers every request that is not well formed with 400.
fn malformed(failure: Failure) -> Failure {
    Failure { kind: ErrorKind::Malformed, ..failure }
}

/// The media type that the caller likes best; JSON where it says nothing.
fn negotiate(headers: &HeaderMap) -> Result<Media, Failure> {
    let mut accepts = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).peekable();
    if accepts.peek().is_none() {
        return Ok(Media::Json);
    }
    let ranges = accepts.flat_map(|value| value.split(','));
    let mut best: Option<(Media, f32)> = None;
    for range in ranges {
        let mut parts = range.split(';').map(str::trim);
        let media = match parts.next().unwrap_or_default().to_ascii_lowercase().as_str() {
            "application/graphql-response+json" => Media::GraphqlResponse,
            "application/json" | "application/*" | "*/*" => Media::Json,
            _ => continue,
        };
        let quality = parts.find_map(|part| part.strip_prefix("q=")).map_or(1.0, |q| q.parse().unwrap_or(0.0));
        let better = best.is_none_or(|(_, before)| quality > before);
        if quality > 0.0 && better {
            best = Some((media, quality));
        }
    }
    best.map(|(media, _)| media).ok_or_else(|| {
        let message = "The answer is application/json or application/graphql-response+json";
        Failure::new(ErrorKind::NotAcceptable, "NOT_ACCEPTABLE", message)
    })
}

impl Media {
    fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Json => "application/json; charset=utf-8",
            Self::GraphqlResponse => "application/graphql-response+json; charset=utf-8",
        })
    }
}

fn send(rendered: &Rendered, media: Media) -> Response {
    let status = if rendered.ran || media == Media::Json { StatusCode::OK } else { StatusCode::BAD_REQUEST };
    with_body(status, rendered.body.clone(), media)
}

fn send_kept(answer: &Answer, media: Media, source: &Source) -> Response {
    let mut response = if source.has(answer) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        with_body(StatusCode::OK, answer.body.clone(), media)
    };
    response.headers_mut().insert(header::ETAG, answer.etag.clone());
    response
}

/// Refuses a request that was not run.
fn refuse(failure: &Failure, media: Media) -> Response {
    let is_graphql =
        matches!(failure.code.as_ref(), "GRAPHQL_INVALID" | "QUERY_TOO_LARGE" | "QUERY_TOO_DEEP" | "QUERY_TOO_COSTLY");
    if media == Media::Json && !is_graphql {
        return ApiError(failure.clone()).into_response();
    }
    let body = json(&serde_json::json!({ "errors": [errors::server_error(failure)] }));
    if is_graphql {
        return send(&Rendered { body, ran: false }, media);
    }
    let mut response = ApiError(failure.clone()).into_response();
    response.headers_mut().remove(header::CONTENT_LENGTH);
    response.headers_mut().insert(header::CONTENT_TYPE, media.content_type());
    *response.body_mut() = Body::from(body);
    response
}

fn with_body(status: StatusCode, body: Bytes, media: Media) -> Response {
    let mut response = (status, Body::from(body)).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, media.content_type());
    // Who may keep it must ask again before using it: the catalog changes at any time.
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    // The answer depends on who asks, and in which media type.
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept, authorization"));
    response
}
