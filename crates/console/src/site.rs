//! What a service says of its console once: names, navigation, secrets. It must never hold a visitor's data.

use std::net::IpAddr;

use crate::arrival::authority;
use crate::limiter::Limiter;
use crate::seal::Sealer;
use crate::settings::ConsoleSettings;
use service::Network;

/// A place in the navigation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NavItem {
    /// Its page.
    pub href: &'static str,
    pub label: &'static str,
    /// As [`crate::icon`] knows it.
    pub icon: &'static str,
}

/// Why a console cannot be offered.
#[derive(Debug, thiserror::Error)]
pub enum SiteError {
    #[error(
        "console.trusted_proxies: `{0}` is no network: write 10.0.0.0/8, fd00::/8 or one address"
    )]
    Network(String),
    #[error("console.{0}: must be 1 or more")]
    Zero(&'static str),
    #[error("the cipher of the console's cookies refuses its key")]
    Key,
}

/// A console, as application data.
pub struct Site {
    /// What the service is called on its pages, such as Intake.
    pub(crate) name: &'static str,
    /// A word that tells its cookies from those of another service under the same host name.
    service: &'static str,
    pub(crate) nav: &'static [NavItem],
    pub(crate) settings: ConsoleSettings,
    pub(crate) sealer: Sealer,
    pub(crate) limiter: Limiter,
    proxies: Vec<Network>,
    public_url: String,
}

impl Site {
    /// `secret`: 32 bytes or more that only this service knows. `public_url`: where others reach it.
    ///
    /// # Errors
    /// [`SiteError`] names the setting at fault.
    pub fn new(
        (service, name): (&'static str, &'static str),
        nav: &'static [NavItem],
        settings: &ConsoleSettings,
        secret: &[u8],
        public_url: &str,
    ) -> Result<Self, SiteError> {
        if settings.session_hours_max == 0 {
            return Err(SiteError::Zero("session_hours_max"));
        }
        if settings.sign_in_failures_per_minute_max == 0 {
            return Err(SiteError::Zero("sign_in_failures_per_minute_max"));
        }
        let proxies = settings.trusted_proxies.iter();
        Ok(Self {
            name,
            service,
            nav,
            settings: settings.clone(),
            sealer: Sealer::new(secret, service).ok_or(SiteError::Key)?,
            limiter: Limiter::new(settings.sign_in_failures_per_minute_max),
            proxies: proxies
                .map(|text| {
                    Network::parse(text.trim()).ok_or_else(|| SiteError::Network(text.clone()))
                })
                .collect::<Result<_, _>>()?,
            public_url: public_url.to_owned(),
        })
    }

    /// The name of a cookie for this purpose. Browsers keep cookies by host, whatever the port.
    pub(crate) fn cookie(&self, purpose: &str) -> String {
        format!("dw_{}_{purpose}", self.service)
    }

    pub(crate) fn trusts(&self, address: IpAddr) -> bool {
        self.proxies.iter().any(|network| network.contains(address))
    }

    pub(crate) fn public_authority(&self) -> Option<&str> {
        authority(&self.public_url)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn settings() -> ConsoleSettings {
        ConsoleSettings {
            session_hours_max: 1,
            sign_in_failures_per_minute_max: 3,
            allow_plain_http: false,
            trusted_proxies: Vec::new(),
            live_listeners_max: 2,
        }
    }

    pub(crate) fn site(proxies: &[&str]) -> Site {
        let settings = ConsoleSettings {
            trusted_proxies: proxies.iter().map(ToString::to_string).collect(),
            ..settings()
        };
        let names = ("ingest", "Intake");
        Site::new(names, &[], &settings, &[1; 32], "https://shop.example/x").unwrap()
    }

    #[test]
    fn settings_without_sense_are_refused() {
        let refused = |settings: ConsoleSettings| {
            let site = Site::new(("ingest", "Intake"), &[], &settings, &[1; 32], "");
            site.err().unwrap().to_string()
        };
        let wrong = |change: fn(&mut ConsoleSettings)| {
            let mut settings = settings();
            change(&mut settings);
            refused(settings)
        };
        assert!(wrong(|s| s.session_hours_max = 0).contains("session_hours_max"));
        assert!(wrong(|s| s.trusted_proxies.push("x".into())).contains("trusted_proxies"));
    }
}
