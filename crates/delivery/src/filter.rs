//! Filters: CEL expressions over `event` that decide whether a subscription wants an event. Compiled once. An
//! expression is bounded when it is compiled and again, by what it could cost, before every evaluation: it
//! must never loop, allocate or panic at a publisher's expense.

use std::panic::{AssertUnwindSafe, catch_unwind};

use cel::common::ast::{Expr, IdedExpr};
use cel::{Context, Program, Value};
use contract::{Event, format_ms};
use serde_json::json;

/// Longest expression, bytes.
pub const FILTER_BYTES_MAX: usize = 2_048;
/// Most nodes of a parsed expression.
const NODES_MAX: u64 = 500;
/// Deepest brackets: parsers of nested text use the stack.
const BRACKETS_MAX: usize = 32;
/// Most steps that one evaluation may take: nodes times the longest list or map, for each nested `all` or
/// `exists`.
pub const FILTER_STEPS_MAX: u64 = 200_000;

/// A text that is no usable filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    #[error("an expression has at most {FILTER_BYTES_MAX} bytes and {NODES_MAX} operations")]
    TooLong,
    #[error("not a CEL expression over `event`, like event.data.amount > 100: {0}")]
    Syntax(String),
    #[error("`{0}` is not known: an expression may use `event` and the standard functions")]
    Unknown(String),
    #[error(
        "inside of `all` and `exists` nothing may be built up: `map`, `filter` and `+` are not allowed"
    )]
    Builds,
}

/// What a filter says of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Wanted,
    Unwanted,
    /// It could not be told: a member is missing, types do not fit, the result is no boolean, or it would
    /// cost too much. The event is not delivered to this endpoint, and counted.
    Undecided(String),
}

/// A compiled filter.
pub struct Filter {
    program: Program,
    text: String,
    nodes: u64,
    loops: u32,
}

impl std::fmt::Debug for Filter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Filter({})", self.text)
    }
}

/// An event as filters see it: the members of the `standard` envelope. Built once for all filters.
pub struct Subject {
    event: Value,
    longest: u64,
}

impl Filter {
    /// # Errors
    /// [`FilterError`] says what is wrong with the expression.
    pub fn compile(text: &str) -> Result<Self, FilterError> {
        if text.len() > FILTER_BYTES_MAX || deepest(text) > BRACKETS_MAX {
            return Err(FilterError::TooLong);
        }
        let compiled = catch_unwind(|| Program::compile(text));
        let program = match compiled {
            Ok(Ok(program)) => program,
            Ok(Err(error)) => return Err(FilterError::Syntax(short(&error.to_string()))),
            Err(_panic) => return Err(FilterError::Syntax("it cannot be parsed".into())),
        };
        let mut walk = Walk::default();
        walk.visit(program.expression(), 0)?;
        if walk.nodes > NODES_MAX {
            return Err(FilterError::TooLong);
        }
        Ok(Self {
            text: text.to_owned(),
            nodes: walk.nodes,
            loops: walk.loops,
            program,
        })
    }

    /// What it says of the event.
    pub fn judge(&self, subject: &Subject) -> Verdict {
        let steps = self
            .nodes
            .saturating_mul(subject.longest.saturating_pow(self.loops));
        if steps > FILTER_STEPS_MAX {
            return Verdict::Undecided(format!(
                "it could take {steps} steps on this event, more than {FILTER_STEPS_MAX}"
            ));
        }
        let evaluated = catch_unwind(AssertUnwindSafe(|| {
            let mut context = Context::default();
            context.add_variable_from_value("event", subject.event.clone());
            self.program.execute(&context)
        }));
        match evaluated {
            Ok(Ok(Value::Bool(true))) => Verdict::Wanted,
            Ok(Ok(Value::Bool(false))) => Verdict::Unwanted,
            Ok(Ok(_)) => Verdict::Undecided("its result is neither true nor false".into()),
            Ok(Err(error)) => Verdict::Undecided(short(&error.to_string())),
            Err(_panic) => Verdict::Undecided("it cannot be evaluated".into()),
        }
    }
}

impl Subject {
    /// `None` when the event's data cannot be shown to filters.
    pub fn of(event: &Event) -> Option<Self> {
        let data: serde_json::Value = serde_json::from_str(event.data.as_str()).ok()?;
        let metadata = event
            .metadata
            .as_ref()
            .map(|m| serde_json::from_str(m.as_str()));
        let metadata: serde_json::Value = metadata.transpose().ok()?.unwrap_or_default();
        let longest = longest(&data).max(longest(&metadata)).max(1);
        let event = json!({
            "id": event.id.to_string(),
            "type": event.event_type.as_str(),
            "timestamp": format_ms(event.timestamp_ms),
            "tenant_id": event.tenant,
            "origin": event.origin,
            "subject": event.subject,
            "data": data,
            "metadata": metadata,
        });
        Some(Self {
            event: cel::to_value(event).ok()?,
            longest,
        })
    }
}

/// The most members or items of any one map or list.
fn longest(value: &serde_json::Value) -> u64 {
    let of = |len: usize, inner: Option<u64>| {
        u64::try_from(len)
            .unwrap_or(u64::MAX)
            .max(inner.unwrap_or(0))
    };
    match value {
        serde_json::Value::Array(items) => of(items.len(), items.iter().map(longest).max()),
        serde_json::Value::Object(members) => {
            of(members.len(), members.values().map(longest).max())
        }
        _ => 0,
    }
}

/// How deep brackets nest, wherever they stand, and how many signs stand in a row.
fn deepest(text: &str) -> usize {
    let (mut depth, mut deepest, mut signs) = (0_usize, 0, 0);
    for c in text.chars() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        signs = if matches!(c, '!' | '-' | '?') {
            signs + 1
        } else {
            signs
        };
        deepest = deepest.max(depth).max(signs);
    }
    deepest
}

fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}

/// Counts what an expression holds.
#[derive(Default)]
struct Walk {
    nodes: u64,
    loops: u32,
    /// Names that loops around have made.
    scope: Vec<String>,
}

impl Walk {
    fn visit(&mut self, expression: &IdedExpr, loops: u32) -> Result<(), FilterError> {
        self.nodes += 1;
        self.loops = self.loops.max(loops);
        match &expression.expr {
            Expr::Call(call) => {
                if loops > 0 && call.func_name == "_+_" {
                    return Err(FilterError::Builds);
                }
                let target = call.target.iter().map(|target| &**target);
                target
                    .chain(&call.args)
                    .try_for_each(|e| self.visit(e, loops))
            }
            Expr::Comprehension(inner) => {
                self.visit(&inner.iter_range, loops)?;
                self.visit(&inner.accu_init, loops)?;
                let outside = self.scope.len();
                self.scope
                    .extend([inner.iter_var.clone(), inner.accu_var.clone()]);
                self.scope.extend(inner.iter_var2.clone());
                let each = [&inner.loop_cond, &inner.loop_step, &inner.result];
                each.into_iter()
                    .try_for_each(|e| self.visit(e, loops + 1))?;
                self.scope.truncate(outside);
                Ok(())
            }
            Expr::Select(select) => self.visit(&select.operand, loops),
            Expr::List(list) => list.elements.iter().try_for_each(|e| self.visit(e, loops)),
            Expr::Map(_) | Expr::Struct(_) => Err(FilterError::Unknown("{}".into())),
            Expr::Ident(name) if name != "event" && !self.scope.contains(name) => {
                Err(FilterError::Unknown(short(name)))
            }
            Expr::Unspecified | Expr::Ident(_) | Expr::Literal(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use contract::{EventId, EventType, JsonObject};

    use super::*;

    fn subject(data: &str) -> Subject {
        Subject::of(&Event {
            id: EventId::new(0, [0; 10]),
            event_type: EventType::parse("invoice.paid").unwrap(),
            timestamp_ms: 0,
            tenant: "default".into(),
            subject: "invoice/1".into(),
            sequence: 1,
            origin: "0".repeat(32),
            data: JsonObject::parse(data).unwrap(),
            metadata: None,
        })
        .unwrap()
    }

    #[test]
    fn filters_judge_events() {
        let subject =
            subject(r#"{"amount": 150, "tags": ["a","b"], "name": "x", "n": null, "f": 1.5}"#);
        for (text, expected) in [
            ("event.data.amount > 100", Some(true)),
            ("event.data.amount > 200", Some(false)),
            (
                "event.type == 'invoice.paid' && event.data.name.startsWith('x')",
                Some(true),
            ),
            ("event.data.f > 1.0", Some(true)),
            ("'b' in event.data.tags", Some(true)),
            ("event.data.tags.exists(t, t == 'c')", Some(false)),
            ("event.data.tags.all(t, t.size() == 1)", Some(true)),
            ("has(event.data.missing)", Some(false)),
            (
                "has(event.data.amount) && event.subject == 'invoice/1'",
                Some(true),
            ),
            ("event.data.missing == 1", None),
            ("event.data.amount", None),
            ("event.data.name > 1", None),
            ("1 / 0 == 1", None),
        ] {
            let verdict = Filter::compile(text).unwrap().judge(&subject);
            let is = match &verdict {
                Verdict::Wanted => Some(true),
                Verdict::Unwanted => Some(false),
                Verdict::Undecided(_) => None,
            };
            assert_eq!(is, expected, "{text}: {verdict:?}");
        }
    }

    #[test]
    fn what_could_cost_too_much_is_refused() {
        let deep = format!("{}1{}", "(".repeat(100), ")".repeat(100));
        let minus = format!("{}1 == 1", "-".repeat(1_000));
        let wide = format!("[{}]", "1,".repeat(900));
        for text in [
            "",
            "event.",
            "event.data.x ==",
            "other.x == 1",
            "event.data.map(x, x)",
            "event.data.tags.filter(x, true).size() > 1",
            "event.data.tags.exists(x, x + x == x)",
            &"true || ".repeat(1_000),
            &deep,
            &minus,
            &wide,
        ] {
            assert!(Filter::compile(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_event_that_is_too_large_for_a_loop_is_undecided() {
        let items = vec!["1"; 1_000].join(",");
        let subject = subject(&format!(r#"{{"a":[{items}]}}"#));
        let once = Filter::compile("event.data.a.all(x, x == 1)").unwrap();
        assert_eq!(once.judge(&subject), Verdict::Wanted);
        let twice = Filter::compile("event.data.a.all(x, event.data.a.all(y, x == y))").unwrap();
        assert!(matches!(twice.judge(&subject), Verdict::Undecided(_)));
    }
}
