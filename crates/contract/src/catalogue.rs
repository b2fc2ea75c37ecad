//! The event types that are shipped. Must never hold what tenants registered themselves.

use crate::event_type::EventType;

/// What kind of business an event type belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Group {
    /// Design files and their storage.
    File,
    /// Invoices, payments, subscriptions.
    Billing,
    /// Customers and users.
    Customer,
    /// Sales, stock, purchasing.
    Sales,
    /// Mail.
    Communications,
    /// Data transfer, analytics, audit.
    Data,
    /// Ticketing and support.
    Support,
    /// About deliveries themselves; these never cause further operational events.
    Operational,
}

impl Group {
    /// The name shown to users.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Billing => "billing",
            Self::Customer => "customer",
            Self::Sales => "sales",
            Self::Communications => "communications",
            Self::Data => "data",
            Self::Support => "support",
            Self::Operational => "operational",
        }
    }
}

/// One shipped event type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogueEntry {
    /// Its name.
    pub event_type: EventType,
    /// Its group.
    pub group: Group,
    /// One line on when it is published.
    pub description: &'static str,
}

impl CatalogueEntry {
    /// The shipped entry of an event type.
    #[must_use]
    pub fn find(event_type: &EventType) -> Option<&'static Self> {
        CATALOGUE
            .iter()
            .find(|entry| entry.event_type == *event_type)
    }
}

/// Whether the event is about deliveries themselves, and so must cause no further operational event.
#[must_use]
pub fn is_operational(event_type: &EventType) -> bool {
    CatalogueEntry::find(event_type).is_some_and(|entry| entry.group == Group::Operational)
}

const fn entry(name: &'static str, group: Group, description: &'static str) -> CatalogueEntry {
    CatalogueEntry {
        event_type: EventType::shipped(name),
        group,
        description,
    }
}

/// Every shipped event type, group by group.
pub static CATALOGUE: &[CatalogueEntry] = {
    use Group::{Billing, Communications, Customer, Data, File, Operational, Sales, Support};
    &[
        entry(
            "file.ingested",
            File,
            "A design file was stored and recorded; parsing is not yet done",
        ),
        entry(
            "file.processed",
            File,
            "A design file was parsed; facts and geometry were extracted",
        ),
        entry(
            "file.failed",
            File,
            "A design file could not be parsed; its bytes are kept",
        ),
        entry(
            "file.re_extracted",
            File,
            "A design file was parsed again or corrected; its facts were replaced",
        ),
        entry("file.deleted", File, "A design file was deleted"),
        entry(
            "file.uploaded",
            File,
            "A file arrived in an application's own storage",
        ),
        entry(
            "file.scan_completed",
            File,
            "A file was scanned for threats",
        ),
        entry(
            "storage.quota_exceeded",
            File,
            "Stored files take more room than allowed",
        ),
        entry("invoice.created", Billing, "An invoice was created"),
        entry("invoice.paid", Billing, "An invoice was paid in full"),
        entry("invoice.voided", Billing, "An invoice was declared void"),
        entry(
            "invoice.payment_failed",
            Billing,
            "A payment of an invoice failed",
        ),
        entry(
            "invoice.sent",
            Billing,
            "An invoice was sent to the customer",
        ),
        entry(
            "invoice.authorized",
            Billing,
            "An invoice was authorized by the tax authority",
        ),
        entry(
            "invoice.rejected",
            Billing,
            "An invoice was rejected by the tax authority",
        ),
        entry("invoice.cancelled", Billing, "An invoice was cancelled"),
        entry("payment.succeeded", Billing, "A payment succeeded"),
        entry("payment.failed", Billing, "A payment failed"),
        entry("payment.refunded", Billing, "A payment was given back"),
        entry(
            "payment.received",
            Billing,
            "A payment was received and booked",
        ),
        entry(
            "subscription.created",
            Billing,
            "A customer's subscription began",
        ),
        entry(
            "subscription.updated",
            Billing,
            "A customer's subscription changed",
        ),
        entry(
            "subscription.cancelled",
            Billing,
            "A customer's subscription was cancelled",
        ),
        entry(
            "subscription.renewed",
            Billing,
            "A customer's subscription was renewed",
        ),
        entry(
            "subscription.trial_ending",
            Billing,
            "A customer's trial is about to end",
        ),
        entry("customer.created", Customer, "A customer was recorded"),
        entry("customer.updated", Customer, "A customer's record changed"),
        entry(
            "customer.deleted",
            Customer,
            "A customer's record was deleted",
        ),
        entry("user.registered", Customer, "A user registered"),
        entry("user.updated", Customer, "A user's record changed"),
        entry("user.deleted", Customer, "A user was deleted"),
        entry("user.login", Customer, "A user signed in"),
        entry("sales_order.created", Sales, "A sales order was created"),
        entry(
            "sales_order.confirmed",
            Sales,
            "A sales order was confirmed",
        ),
        entry(
            "sales_order.cancelled",
            Sales,
            "A sales order was cancelled",
        ),
        entry(
            "inventory.low",
            Sales,
            "Stock of an item fell below its minimum",
        ),
        entry("inventory.updated", Sales, "Stock of an item changed"),
        entry(
            "purchase_order.created",
            Sales,
            "A purchase order was created",
        ),
        entry(
            "purchase_order.received",
            Sales,
            "The goods of a purchase order arrived",
        ),
        entry(
            "purchase_received",
            Sales,
            "The goods of a purchase order arrived (another name of purchase_order.received)",
        ),
        entry("document.updated", Sales, "A document changed"),
        entry(
            "error.occurred",
            Sales,
            "An application met an error that somebody should know of",
        ),
        entry(
            "email.sent",
            Communications,
            "A mail was handed to the provider",
        ),
        entry(
            "email.delivered",
            Communications,
            "A mail reached its mailbox",
        ),
        entry("email.bounced", Communications, "A mail came back"),
        entry("email.failed", Communications, "A mail could not be sent"),
        entry(
            "bulk_email.completed",
            Communications,
            "A mailing to many was sent",
        ),
        entry(
            "bulk_email.failed",
            Communications,
            "A mailing to many could not be finished",
        ),
        entry("import.completed", Data, "An import finished"),
        entry("import.failed", Data, "An import failed"),
        entry("export.completed", Data, "An export finished"),
        entry("export.failed", Data, "An export failed"),
        entry(
            "metric.threshold_exceeded",
            Data,
            "A metric crossed its threshold",
        ),
        entry("report.generated", Data, "A report is ready"),
        entry(
            "security.alert",
            Data,
            "Something that threatens security was noticed",
        ),
        entry("compliance.violation", Data, "A compliance rule was broken"),
        entry("ticket.created", Support, "A ticket was opened"),
        entry("ticket.updated", Support, "A ticket changed"),
        entry("ticket.closed", Support, "A ticket was closed"),
        entry(
            "ticket.sla_breach",
            Support,
            "A ticket was not handled in the agreed time",
        ),
        entry("query.created", Support, "A user asked something"),
        entry("query.resolved", Support, "A user's query was answered"),
        entry(
            "query.escalated",
            Support,
            "A user's query was handed to a person",
        ),
        entry("feedback.received", Support, "A user rated an answer"),
        entry(
            "endpoint.disabled",
            Operational,
            "An endpoint was disabled: it gets no further deliveries",
        ),
        entry(
            "endpoint.failing",
            Operational,
            "An endpoint's attempts keep failing",
        ),
        entry(
            "endpoint.recovered",
            Operational,
            "An endpoint that was failing answers again",
        ),
        entry("delivery.dead", Operational, "A delivery was given up"),
    ]
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file_event::FileEventKind;

    #[test]
    fn names_are_well_formed_and_unique() {
        for (n, entry) in CATALOGUE.iter().enumerate() {
            let name = entry.event_type.as_str();
            assert!(EventType::parse(name).is_ok(), "{name}");
            assert!(
                CATALOGUE
                    .iter()
                    .skip(n + 1)
                    .all(|other| other.event_type != entry.event_type),
                "{name}"
            );
        }
    }

    #[test]
    fn file_events_and_operational_events_are_in_it() {
        for kind in FileEventKind::ALL {
            assert_eq!(
                CatalogueEntry::find(&kind.event_type()).unwrap().group,
                Group::File
            );
        }
        assert!(is_operational(&EventType::parse("delivery.dead").unwrap()));
        assert!(!is_operational(&EventType::PROBE));
    }
}
