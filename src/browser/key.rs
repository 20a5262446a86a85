//! The browser key: ECDSA P-256, made by WebCrypto, never extractable. It lies in IndexedDB, where a non-extractable key can
//! lie and scripts can use but not copy it; where that fails it lives as long as the page; where WebCrypto fails there is
//! none. What is signed with it is [`trailmark_wire::envelope`]'s business.

use js_sys::{JSON, Object, Promise};
use trailmark_wire::ids::SiteId;
use trailmark_wire::jwk::EcPublicJwk;
use wasm_bindgen::prelude::{JsCast as _, JsValue};
use web_sys::{
    Crypto, CryptoKey, IdbDatabase, IdbFactory, IdbObjectStore, IdbOpenDbRequest, IdbRequest, IdbTransactionMode,
    SubtleCrypto,
};

use super::{bytes, host, property, resolved};
use crate::wait::{Task, within};

/// Milliseconds that IndexedDB has to answer. Some browsers leave a request hanging; the page must not wait for them.
pub(super) const STORE_MS: u32 = 400;

/// The database of this SDK, one store, one entry a site.
const DATABASE: &str = "trailmark";
const STORE: &str = "keys";

/// A key pair whose private half stays with the browser.
#[derive(Debug)]
pub(super) struct BrowserKey {
    pub(super) public: EcPublicJwk,
    pub(super) private: CryptoKey,
}

/// The key of `site`: the stored one, else a new one that is stored if `limit` allows. One that cannot sign is none: a token
/// bound to it would be worth less than one bound to nothing.
pub(super) async fn of_site(site: &SiteId, limit: Task<()>) -> Option<BrowserKey> {
    let name = JsValue::from_str(site.as_str());
    let mut stored = Box::pin(stored_pair(name)) as Task<_>;
    let pair = match within(&mut stored, limit).await.flatten() {
        Some(pair) => pair,
        None => generate().await?,
    };
    let key = from_pair(pair).await?;
    sign(&key.private, "").await.map(|_trial| key)
}

/// ES256 of `message`; WebCrypto gives R || S, as JOSE wants it.
pub(super) async fn sign(private: &CryptoKey, message: &str) -> Option<[u8; 64]> {
    let algorithm = literal(r#"{"name":"ECDSA","hash":"SHA-256"}"#)?;
    bytes(&resolved(subtle()?.sign_with_object_and_u8_array(&algorithm, private, message.as_bytes())).await?)
}

/// SHA-256 of `message`.
pub(super) async fn sha256(message: &str) -> Option<[u8; 32]> {
    bytes(&resolved(subtle()?.digest_with_str_and_u8_array("SHA-256", message.as_bytes())).await?)
}

/// Removes the database. On a host with several sites the others lose their keys too, and are given new ones.
pub(super) fn delete() {
    let _refused = host::<IdbFactory>(&["indexedDB"]).map(|factory| factory.delete_database(DATABASE));
}

/// Fills `bytes` at random.
pub(super) fn fill_randomly(bytes: &mut [u8]) -> Option<()> {
    host::<Crypto>(&["crypto"])?.get_random_values_with_u8_array(bytes).ok().map(drop)
}

fn subtle() -> Option<SubtleCrypto> {
    host(&["crypto", "subtle"])
}

/// A constant of JavaScript's.
fn literal(json: &str) -> Option<Object> {
    JSON::parse(json).ok().map(JsValue::unchecked_into)
}

async fn generate() -> Option<JsValue> {
    let algorithm = literal(r#"{"name":"ECDSA","namedCurve":"P-256"}"#)?;
    let usages = literal(r#"["sign"]"#)?;
    resolved(subtle()?.generate_key_with_object(&algorithm, false, &usages)).await
}

async fn from_pair(pair: JsValue) -> Option<BrowserKey> {
    let public: CryptoKey = property(&pair, "publicKey")?.unchecked_into();
    let jwk = resolved(subtle()?.export_key("jwk", &public)).await?;
    let coordinate = |name| property(&jwk, name)?.as_string();
    let public = EcPublicJwk::new(&coordinate("x")?, &coordinate("y")?).ok()?;
    Some(BrowserKey { public, private: property(&pair, "privateKey")?.unchecked_into() })
}

/// The stored pair, or a new one that is stored under `name`. Reading again and adding are one transaction, so that of two
/// tabs which come at once the second takes the first one's.
async fn stored_pair(name: JsValue) -> Option<JsValue> {
    let database = open().await?;
    let mut pair = get(&store(&database, IdbTransactionMode::Readonly)?, &name).await;
    if pair.is_none() {
        let made = generate().await?;
        let store = store(&database, IdbTransactionMode::Readwrite)?;
        pair = get(&store, &name).await;
        if pair.is_none() {
            done(&store.add_with_key(&made, &name).ok()?).await?;
            pair = Some(made);
        }
    }
    database.close();
    pair
}

/// Opens the database. Its first event is `upgradeneeded` where there is none yet: then, and only then, a store can be made.
async fn open() -> Option<IdbDatabase> {
    let request = host::<IdbFactory>(&["indexedDB"])?.open_with_u32(DATABASE, 1).ok()?;
    let database: IdbDatabase = done(&request).await?.unchecked_into();
    if database.create_object_store(STORE).is_ok() {
        done(&request).await?;
    }
    Some(database)
}

fn store(database: &IdbDatabase, mode: IdbTransactionMode) -> Option<IdbObjectStore> {
    database.transaction_with_str_and_mode(STORE, mode).ok()?.object_store(STORE).ok()
}

async fn get(store: &IdbObjectStore, name: &JsValue) -> Option<JsValue> {
    done(&store.get(name).ok()?).await.filter(|pair| pair.is_object())
}

/// The result of a request at its next event. Events call the promise's own functions, so that no closure of ours is made;
/// the task goes on as a microtask of the event, while the transaction is still active.
async fn done(request: &IdbRequest) -> Option<JsValue> {
    let promise = Promise::new(&mut |resolve, reject| {
        // Only a request to open has this event.
        request.unchecked_ref::<IdbOpenDbRequest>().set_onupgradeneeded(Some(&resolve));
        request.set_onsuccess(Some(&resolve));
        request.set_onerror(Some(&reject));
    });
    resolved(Ok(promise)).await?;
    request.result().ok()
}
