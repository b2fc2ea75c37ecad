//! What the receiver refuses to start with.

use std::sync::Arc;

use db::SystemClock;
use receiver::{Receiver, StartError};
use testkit::TempDb;

use crate::harness::settings;

fn open(overrides: &[&str]) -> Result<Receiver, StartError> {
    let temp = TempDb::sqlite();
    let mut overrides: Vec<String> = overrides.iter().map(ToString::to_string).collect();
    overrides.push(format!("data_dir={}", temp.folder().display()));
    Receiver::open(&settings(&overrides), Arc::new(SystemClock))
}

#[test]
fn settings_that_cannot_work_are_refused_by_name() {
    for (overrides, says) in [
        (
            &["sources.x.profile=odd", "sources.x.secrets=12345678"][..],
            "sources.x.profile",
        ),
        (&["sources.x.secrets=short"], "sources.x.secrets"),
        (&["sources.x.public_keys=short"], "sources.x.public_keys"),
        (
            &["sources.x.profile=standard"],
            "sources.x.secrets and sources.x.allow_unsigned",
        ),
        (
            &[
                "sources.x.secrets=12345678",
                "sources.x.body_only_signature=true",
            ],
            "sources.x.body_only_signature and sources.x.profile",
        ),
        (
            &["receiver.database.url=mysql://x"],
            "receiver.database.url",
        ),
    ] {
        let Err(error) = open(overrides) else {
            panic!("{overrides:?}");
        };
        assert!(error.to_string().contains(says), "{error}");
        assert!(!error.to_string().contains("short"), "{error}");
    }
    open(&[]).unwrap().stop();
}

#[test]
fn without_keys_or_signatures_only_loopback_is_served() {
    let bind = |overrides: &[&str]| {
        let overrides: Vec<String> = overrides.iter().map(ToString::to_string).collect();
        settings(&overrides)
            .bind()
            .map_err(|error| error.to_string())
    };
    let open = bind(&["receiver.listen=0.0.0.0:0"]).unwrap_err();
    assert!(open.contains("receiver.auth = true"), "{open}");
    let unsigned = [
        "receiver.listen=0.0.0.0:0",
        "receiver.auth=true",
        "sources.x.allow_unsigned=true",
    ];
    let unsigned = bind(&unsigned).unwrap_err();
    assert!(unsigned.contains("sources.x.allow_unsigned"), "{unsigned}");
    assert!(
        bind(&[
            "receiver.listen=127.0.0.1:0",
            "sources.x.allow_unsigned=true"
        ])
        .is_ok()
    );
}
