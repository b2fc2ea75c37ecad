//! Layers, checks and printing of settings.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use service::telemetry::{LogFormat, LogSettings};
use service::{Fault, SecretText, ServerLimits, Settings, SettingsError};

const NO_ENVIRONMENT: [(&str, &str); 0] = [];

fn from_file(text: &str) -> Result<Settings, SettingsError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.toml");
    std::fs::write(&path, text).unwrap();
    Settings::load(Some(&path), NO_ENVIRONMENT, &[])
}

fn faults(result: Result<Settings, SettingsError>) -> Vec<Fault> {
    match result {
        Err(SettingsError::Invalid(faults)) => faults,
        other => panic!("expected faults, got {other:?}"),
    }
}

fn defaults() -> Settings {
    Settings::load(None, NO_ENVIRONMENT, &[]).unwrap()
}

#[derive(Debug, Deserialize)]
struct Source {
    profile: String,
    secrets: Vec<SecretText>,
    public_keys: Vec<String>,
    tolerance_seconds: u32,
    allow_unsigned: bool,
    body_only_signature: bool,
    legacy_sorted_signature: bool,
    unknown_project: String,
}

#[derive(Debug, Deserialize)]
struct Subscription {
    url: String,
    events: Vec<String>,
    secret: SecretText,
    timeout_seconds: u32,
    headers: BTreeMap<String, String>,
}

#[test]
fn the_built_in_defaults_are_a_configuration() {
    let settings = defaults();
    assert_eq!(
        settings.section::<String>("ingest.listen").unwrap(),
        "127.0.0.1:8081"
    );
    assert_eq!(
        settings.section::<PathBuf>("data_dir").unwrap(),
        Path::new("./data")
    );
    assert_eq!(
        settings
            .section::<f64>("ingest.extraction.confidence_threshold")
            .unwrap(),
        0.7
    );
    assert_eq!(
        settings
            .section::<u64>("ingest.limits.dxf_bytes_max")
            .unwrap(),
        200_000_000
    );
    for http in ["ingest.http", "receiver.http"] {
        assert!(settings.section::<ServerLimits>(http).is_ok(), "{http}");
    }
    let log: LogSettings = settings.section("log").unwrap();
    let level = log.level.as_str();
    assert_eq!((level, log.format), ("info,access=warn", LogFormat::Human));
    let sources: BTreeMap<String, Source> = settings.section("sources").unwrap();
    assert!(sources.is_empty(), "{sources:?}");
    let none = "ingest.delivery.subscriptions";
    assert!(
        settings
            .section::<BTreeMap<String, Subscription>>(none)
            .unwrap()
            .is_empty()
    );
}

#[test]
fn later_layers_win_key_by_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.toml");
    std::fs::write(
        &path,
        "[ingest]\nlisten = \"127.0.0.1:1\"\nwait_seconds = 1\nauth = true\n",
    )
    .unwrap();
    let environment = [
        ("DRAFTWIRE__INGEST__LISTEN", "127.0.0.1:2"),
        ("DRAFTWIRE__INGEST__WAIT_SECONDS", "2"),
        ("DRAFTWIRE_CORPUS", "not a setting"),
        ("PATH", "/bin"),
    ];
    let flags = ["ingest.listen=127.0.0.1:3".to_owned()];
    let settings = Settings::load(Some(&path), environment, &flags).unwrap();
    assert_eq!(
        settings.section::<String>("ingest.listen").unwrap(),
        "127.0.0.1:3"
    );
    assert_eq!(settings.section::<u32>("ingest.wait_seconds").unwrap(), 2);
    assert!(settings.section::<bool>("ingest.auth").unwrap());
    assert_eq!(
        settings
            .section::<u32>("ingest.files_per_request_max")
            .unwrap(),
        100
    );
}

#[test]
fn environment_text_takes_the_type_of_its_setting() {
    let environment = [
        (
            "DRAFTWIRE__INGEST__DELIVERY__ALLOW_NETWORKS",
            "10.0.0.0/8, ::1/128",
        ),
        ("DRAFTWIRE__INGEST__DELIVERY__RETRY_JITTER", "0"),
        ("DRAFTWIRE__INGEST__DELIVERY__ENABLED", "false"),
        ("DRAFTWIRE__INGEST__LIMITS__PDF_BYTES_MAX", "1_000"),
        ("DRAFTWIRE__SOURCES__SHOP__SECRETS", "12345678,whsec_x"),
        (
            "DRAFTWIRE__INGEST__DELIVERY__SUBSCRIPTIONS__ERP__SECRET",
            "0123456789",
        ),
    ];
    let settings = Settings::load(None, environment, &[]).unwrap();
    let networks: Vec<String> = settings.section("ingest.delivery.allow_networks").unwrap();
    assert_eq!(networks, ["10.0.0.0/8", "::1/128"]);
    assert_eq!(
        settings
            .section::<f64>("ingest.delivery.retry_jitter")
            .unwrap(),
        0.0
    );
    assert!(!settings.section::<bool>("ingest.delivery.enabled").unwrap());
    assert_eq!(
        settings
            .section::<u64>("ingest.limits.pdf_bytes_max")
            .unwrap(),
        1000
    );

    let sources: BTreeMap<String, Source> = settings.section("sources").unwrap();
    let shop = &sources["shop"];
    let secrets: Vec<&str> = shop.secrets.iter().map(SecretText::expose).collect();
    assert_eq!(secrets, ["12345678", "whsec_x"]);
    assert_eq!(
        (shop.profile.as_str(), shop.tolerance_seconds),
        ("standard", 300)
    );
    assert!(shop.public_keys.is_empty() && shop.unknown_project == "keep");
    assert!(!shop.allow_unsigned && !shop.body_only_signature && !shop.legacy_sorted_signature);
    let erp = "ingest.delivery.subscriptions.erp";
    assert_eq!(
        settings
            .section::<Subscription>(erp)
            .unwrap()
            .secret
            .expose(),
        "0123456789"
    );
}

#[test]
fn named_entries_take_the_pattern_s_defaults() {
    let settings = from_file(
        "[ingest.delivery.subscriptions.erp]\nurl = \"https://erp.example\"\nheaders = { X-Key = \"v\" }\n\
         [ingest.delivery.subscriptions.quotes]\nurl = \"https://q.example\"\nevents = [\"file.*\"]\n",
    );
    let path = "ingest.delivery.subscriptions";
    let found: BTreeMap<String, Subscription> = settings.unwrap().section(path).unwrap();
    assert_eq!(found.keys().collect::<Vec<_>>(), ["erp", "quotes"]);
    let erp = &found["erp"];
    assert_eq!(
        (erp.url.as_str(), erp.timeout_seconds),
        ("https://erp.example", 0)
    );
    assert_eq!(erp.events, ["*"]);
    assert_eq!(erp.headers["X-Key"], "v");
    assert!(erp.secret.is_empty());
    assert_eq!(found["quotes"].events, ["file.*"]);
    assert!(found["quotes"].headers.is_empty());
}

#[test]
fn an_unknown_key_names_its_layer_and_the_nearest_known_one() {
    for (text, key, nearest) in [
        ("[ingest]\nlistn = \"x\"\n", "ingest.listn", "ingest.listen"),
        ("[ingst]\nlisten = \"x\"\n", "ingst", "ingest"),
        ("datadir = \"x\"\n", "datadir", "data_dir"),
        (
            "[sources.erp]\nsecret = \"x\"\n",
            "sources.erp.secret",
            "sources.erp.secrets",
        ),
        (
            "[sources.\"<name>\"]\nprofile = \"x\"\n",
            "sources.<name>",
            "sources.<name>",
        ),
    ] {
        let found = faults(from_file(text));
        let [
            Fault::Unknown {
                key: given,
                layer,
                nearest: meant,
            },
        ] = found.as_slice()
        else {
            panic!("{text}: {found:?}");
        };
        assert_eq!((given.as_str(), meant.as_str()), (key, nearest));
        assert!(layer.ends_with("test.toml"), "{layer}");
    }
    let environment = [("DRAFTWIRE__LOG__LEVL", "info")];
    let flags = ["receiver.autth=true".to_owned(), "nonsense".to_owned()];
    let error = Settings::load(None, environment, &flags)
        .unwrap_err()
        .to_string();
    let lines: Vec<&str> = error.lines().collect();
    assert_eq!(
        lines,
        [
            "there is no setting log.levl (in environment variable DRAFTWIRE__LOG__LEVL); did you mean log.level?",
            "there is no setting receiver.autth (in flag receiver.autth); did you mean receiver.auth?",
            "flag nonsense must be of the form section.key=value",
        ]
    );
}

#[test]
fn a_wrong_type_names_key_layer_and_expectation_but_not_the_value() {
    for (text, key, expected) in [
        (
            "[ingest]\nauth = \"hunter2\"\n",
            "ingest.auth",
            "true or false",
        ),
        (
            "[ingest]\nwait_seconds = \"hunter2\"\n",
            "ingest.wait_seconds",
            "a whole number, 0 or more",
        ),
        (
            "[ingest]\nwait_seconds = -1\n",
            "ingest.wait_seconds",
            "a whole number, 0 or more",
        ),
        (
            "[ingest]\nwait_seconds = 1.5\n",
            "ingest.wait_seconds",
            "a whole number, 0 or more",
        ),
        (
            "[ingest.delivery]\nretry_jitter = nan\n",
            "ingest.delivery.retry_jitter",
            "a number",
        ),
        (
            "[sources.erp]\nsecrets = \"hunter2\"\n",
            "sources.erp.secrets",
            "a list of texts",
        ),
        (
            "[sources.erp]\nsecrets = [\"hunter2\", 1]\n",
            "sources.erp.secrets",
            "a list of texts",
        ),
        ("[ingest]\nlisten = 8081\n", "ingest.listen", "text"),
        ("ingest = \"hunter2\"\n", "ingest", "a table"),
        ("[data_dir]\nx = 1\n", "data_dir", "text"),
    ] {
        let error = from_file(text).unwrap_err();
        assert!(!error.to_string().contains("hunter2"), "{error}");
        let found = faults(Err(error));
        let [
            Fault::Type {
                key: given,
                layer,
                expected: wanted,
            },
        ] = found.as_slice()
        else {
            panic!("{text}: {found:?}");
        };
        assert_eq!((given.as_str(), *wanted), (key, expected));
        assert!(layer.ends_with("test.toml"), "{layer}");
    }
    let environment = [
        ("DRAFTWIRE__INGEST__AUTH", "maybe"),
        ("DRAFTWIRE__INGEST", "x"),
    ];
    let found = faults(Settings::load(None, environment, &[]));
    assert_eq!(found.len(), 2, "{found:?}");
}

#[test]
fn a_file_that_is_missing_or_not_toml_is_explained_without_its_content() {
    let missing = Path::new("/nowhere/draftwire.toml");
    let error = Settings::load(Some(missing), NO_ENVIRONMENT, &[]).unwrap_err();
    assert!(
        error.to_string().contains("/nowhere/draftwire.toml"),
        "{error}"
    );

    let error = from_file("[sources.erp]\nsecrets = [\"hunter2\" oops\n").unwrap_err();
    let sentence = error.to_string();
    assert!(sentence.contains("line 2"), "{sentence}");
    assert!(!sentence.contains("hunter2"), "{sentence}");
}

#[test]
fn a_section_of_another_shape_is_refused_with_key_layer_and_choices() {
    let flags = ["log.format=loud".to_owned()];
    let settings = Settings::load(None, NO_ENVIRONMENT, &flags).unwrap();
    let error = settings.section::<LogSettings>("log").unwrap_err();
    assert_eq!(
        error.to_string(),
        "log.format (in flag log.format): unknown variant `loud`, expected `human` or `json`"
    );
    let error = settings.section::<u8>("ingest.wait_second").unwrap_err();
    assert!(
        error.to_string().starts_with("ingest.wait_second (in "),
        "{error}"
    );
}

#[test]
fn the_printed_configuration_is_toml_names_layers_and_shows_no_secret() {
    let environment = [
        (
            "DRAFTWIRE__INGEST__DATABASE__URL",
            "postgres://u:hunter2@db/x",
        ),
        ("DRAFTWIRE__INGEST__ENCRYPTION_KEY", "hunter2"),
        ("DRAFTWIRE__SOURCES__ERP__SECRETS", "hunter2,hunter2hunter2"),
        (
            "DRAFTWIRE__INGEST__DELIVERY__SUBSCRIPTIONS__ERP__HEADERS__X_KEY",
            "hunter2",
        ),
        (
            "DRAFTWIRE__INGEST__DELIVERY__SUBSCRIPTIONS__ERP__SECRET",
            "hunter2",
        ),
    ];
    let settings = Settings::load(None, environment, &[]).unwrap();
    let printed = settings.print();
    assert!(!printed.contains("hunter2"), "{printed}");
    assert!(
        printed.contains("# environment variable DRAFTWIRE__INGEST__DATABASE__URL"),
        "{printed}"
    );
    let parsed: toml::Table = toml::from_str(&printed).unwrap();
    assert_eq!(
        parsed["ingest"]["database"]["url"].as_str(),
        Some("postgres://u:***@db/x")
    );
    assert_eq!(parsed["ingest"]["listen"].as_str(), Some("127.0.0.1:8081"));
    assert_eq!(parsed["ingest"]["encryption_key"].as_str(), Some("***"));
    assert_eq!(
        parsed["ingest"]["extraction"]["confidence_threshold"].as_float(),
        Some(0.7)
    );

    // Printed defaults are a configuration file that changes nothing.
    let printed = defaults().print();
    assert_eq!(
        from_file(&printed).unwrap().print().lines().count(),
        printed.lines().count()
    );
}

#[test]
fn a_secret_is_masked_where_it_is_debugged() {
    let secret = SecretText::from("hunter2".to_owned());
    assert_eq!(format!("{secret:?}"), "***");
    assert_eq!(secret.expose(), "hunter2");
}

#[test]
fn the_example_files_load() {
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config");
    let load = |name| Settings::load(Some(&config.join(name)), NO_ENVIRONMENT, &[]).unwrap();

    let ingest = load("ingest.example.toml");
    assert!(ingest.section::<bool>("ingest.auth").unwrap());
    let shop: Subscription = ingest
        .section("ingest.delivery.subscriptions.shop")
        .unwrap();
    assert_eq!(shop.events, ["file.*"]);

    let receiver = load("receiver.example.toml");
    let sources: BTreeMap<String, Source> = receiver.section("sources").unwrap();
    // The two examples fit together: same profile, same secret.
    assert_eq!(sources["module-n"].secrets, [shop.secret]);
    assert_eq!(sources["module-n"].profile, "module-n");
}
