//! The webhook platform's calls, one file a noun. Every query names the caller's tenant: what belongs to another one is
//! not found.

pub(crate) mod catalogue;
pub(crate) mod deliveries;
pub(crate) mod event_log;
pub(crate) mod filters;
pub(crate) mod jwks;
pub(crate) mod publish;
pub(crate) mod reconcile;
pub(crate) mod replays;
pub(crate) mod shared;
mod subscription_answer;
pub(crate) mod subscription_input;
pub(crate) mod subscriptions;

#[cfg(test)]
mod tests {
    use serde::de::DeserializeOwned;
    use serde_json::{Value, json};

    use super::{
        catalogue, deliveries, filters, publish, replays, subscription_input, subscriptions,
    };

    /// Every member that a schema names is known to what is read.
    fn is_read<T: DeserializeOwned>(name: &str) {
        let document: Value = serde_json::from_str(crate::openapi()).unwrap();
        let schema = &document["components"]["schemas"][name];
        for member in schema["properties"].as_object().unwrap().keys() {
            let read = serde_json::from_value::<T>(json!({ member: null }));
            let error = read.err().map_or(String::new(), |error| error.to_string());
            assert!(!error.contains("unknown field"), "{name}: {error}");
        }
    }

    #[test]
    fn described_bodies_are_those_that_are_read() {
        is_read::<subscription_input::SubscriptionInput>("Subscription");
        is_read::<subscriptions::Rotation>("Rotation");
        is_read::<filters::FilterInput>("FilterTest");
        is_read::<publish::EventInput>("Event");
        is_read::<publish::Batch>("Events");
        is_read::<catalogue::TypeInput>("EventType");
        is_read::<replays::ReplayInput>("Replay");
        is_read::<deliveries::Wanted>("DeadLetters");
    }
}
