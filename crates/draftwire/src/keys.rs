//! `draftwire keys`: who may call a service. A key is printed once, when it is made.

use std::process::ExitCode;

use ingest::{IngestSettings, KeyDesk};
use receiver::ReceiverSettings;
use serde_json::json;

use crate::cli::{KeysCommand, Service, SettingsArgs};
use crate::report::line;

pub(crate) async fn run(
    service: Service,
    command: &KeysCommand,
    settings: &SettingsArgs,
) -> anyhow::Result<ExitCode> {
    let desk = desk(service, settings)?;
    match command {
        KeysCommand::Create {
            name,
            scopes,
            tenant,
            json,
            expires,
        } => {
            let key = desk
                .create(tenant, name, scopes, expires.as_deref())
                .await?;
            match json {
                true => line(json!({"name": name, "key": key}).to_string())?,
                false => line(key)?,
            }
        }
        KeysCommand::List { tenant, json } => {
            for key in desk.list(tenant).await? {
                if *json {
                    let scopes: Vec<&str> = key.scopes.split([' ', ',']).collect();
                    let (id, name, hint) = (key.id, &key.name, &key.hint);
                    let expires_at = &key.expires_at;
                    let shown = json!({"id": id, "name": name, "hint": hint, "scopes": scopes, "expires_at": expires_at});
                    line(shown.to_string())?;
                    continue;
                }
                let expires = key
                    .expires_at
                    .map_or(String::new(), |at| format!("  until {at}"));
                line(format!(
                    "{:>4}  {:<24} dw_…{}  {}{expires}",
                    key.id, key.name, key.hint, key.scopes
                ))?;
            }
        }
        KeysCommand::Revoke { id, tenant } => {
            desk.revoke(tenant, *id).await?;
            line(format!("key {id} is revoked"))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn desk(service: Service, settings: &SettingsArgs) -> anyhow::Result<KeyDesk> {
    let settings = settings.load(&[])?;
    Ok(match service {
        Service::Ingest => ingest::key_desk(&IngestSettings::read(&settings)?)?,
        Service::Receiver => receiver::key_desk(&ReceiverSettings::load(&settings)?)?,
    })
}

/// Shows the key that a first start has made.
pub(crate) fn show_first(service: Service, key: Option<&str>) -> anyhow::Result<()> {
    let (name, which, scopes) = match service {
        Service::Ingest => ("ingest", "", "upload,read"),
        Service::Receiver => ("receiver", " --service receiver", "read"),
    };
    if let Some(key) = key {
        line(format!(
            "\nThe administrator's key of {name}, shown this once: {key}\nSend it as  Authorization: Bearer {key}\n\
             Make others with  draftwire keys{which} create --name NAME --scopes {scopes}"
        ))?;
    }
    Ok(())
}
