//! What `layout.html` shows around every page. Never decides what a visitor may do.

use crate::arrival::Plain;
use crate::assets::{self, Asset};
use crate::flash::Flash;
use crate::visit::{Guest, May};
use access::Scope;

/// A link of the navigation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NavLink {
    pub href: &'static str,
    pub label: &'static str,
    pub icon: &'static str,
    /// Whether the page is below it.
    pub here: bool,
}

/// A trouble that people should know of, with where to see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Whether something went wrong, or only waits to be looked at.
    pub is_bad: bool,
    pub text: String,
    pub href: String,
}

/// Who is signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Who {
    pub tenant: String,
    /// What the key may do, in words; empty while keys are not asked for.
    pub scopes: String,
}

/// The layout's part of a page.
#[derive(Debug, Clone)]
pub struct Frame {
    pub title: String,
    pub site: &'static str,
    pub nav: Vec<NavLink>,
    /// To be sent as `csrf` by every form.
    pub csrf: String,
    pub who: Option<Who>,
    pub flash: Option<Flash>,
    pub notices: Vec<Notice>,
    /// A standing warning about how the console is used.
    pub warning: Option<&'static str>,
    pub may: May,
    /// Path and query of this page.
    pub here: String,
}

const PLAIN: &str = "This connection is not encrypted: your key and everything you see can be read on the network. \
                     Put a proxy with TLS before this service.";

impl Frame {
    pub(crate) fn new(guest: &Guest, title: String, at: &str, notices: Vec<Notice>) -> Self {
        let who = guest.caller.as_ref().map(|caller| Who {
            tenant: caller.tenant.to_string(),
            scopes: match caller.key_id {
                Some(_) => caller.scopes.to_string(),
                None => String::new(),
            },
        });
        let allow = |scope| {
            let caller = guest.caller.as_ref();
            caller.is_some_and(|caller| caller.scopes.allow(scope))
        };
        let nav = guest.site.nav.iter().filter(|_| who.is_some());
        Self {
            title,
            site: guest.site.name,
            nav: nav
                .map(|item| NavLink {
                    href: item.href,
                    label: item.label,
                    icon: item.icon,
                    here: item.href == at,
                })
                .collect(),
            csrf: guest.token(),
            who,
            flash: guest.flash.clone(),
            notices,
            warning: (guest.arrival.plain() != Plain::No).then_some(PLAIN),
            may: May {
                upload: allow(Scope::Upload),
                publish: allow(Scope::Publish),
                manage: allow(Scope::Manage),
                admin: allow(Scope::Admin),
            },
            here: guest.here.clone(),
        }
    }

    /// Whether one of the notices is of something that went wrong.
    pub fn is_bad(&self) -> bool {
        self.notices.iter().any(|notice| notice.is_bad)
    }

    /// The address of a style or script.
    pub fn asset(&self, name: &str) -> &'static str {
        assets::find(name).map_or("", Asset::href)
    }
}
