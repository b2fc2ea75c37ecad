//! One statement text with `?` marks and its values, the same for SQLite and PostgreSQL.
//!
//! diesel builds the SQL of its DSL anew and does not cache UPDATE, ON CONFLICT or batch inserts; a text
//! with bound values is cached by its text on both backends, which a busy writer needs. Values never
//! become part of the text.

use std::borrow::Cow;

use diesel::backend::Backend;
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::result::{Error as DieselError, QueryResult};
use diesel::sql_types::{Array, BigInt, Binary, Double, Nullable, Text, Untyped};
use diesel::sqlite::Sqlite;

/// A value bound to one `?`. Arrays are for PostgreSQL's `unnest` only.
#[derive(Debug, Clone)]
pub enum Value<'a> {
    Int(Option<i64>),
    Float(Option<f64>),
    Text(Option<Cow<'a, str>>),
    Bytes(Option<Cow<'a, [u8]>>),
    Ints(Vec<Option<i64>>),
    Texts(Vec<Option<&'a str>>),
    Blobs(Vec<Option<&'a [u8]>>),
}

/// A statement: fixed text, bound values. Built with [`sql`].
#[derive(Debug, Clone)]
pub struct Sql<'a> {
    text: Cow<'static, str>,
    values: Vec<Value<'a>>,
}

/// Starts a statement. A text made at run time must come from a small set of shapes: each is cached.
pub fn sql<'a>(text: impl Into<Cow<'static, str>>) -> Sql<'a> {
    Sql {
        text: text.into(),
        values: Vec::new(),
    }
}

impl<'a> Sql<'a> {
    /// Binds the next `?`.
    #[must_use]
    pub fn bind(mut self, value: impl Into<Value<'a>>) -> Self {
        self.values.push(value.into());
        self
    }

    /// Binds several, in order.
    #[must_use]
    pub fn bind_all(mut self, values: impl IntoIterator<Item = Value<'a>>) -> Self {
        self.values.extend(values);
        self
    }

    /// The text as written, for logs.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Writes the text piece by piece, with `push` called for the value between two pieces.
    fn walk<'b, DB: Backend>(
        &'b self,
        mut out: AstPass<'_, 'b, DB>,
        push: impl Fn(&'b Value<'a>, &mut AstPass<'_, 'b, DB>) -> QueryResult<()>,
    ) -> QueryResult<()> {
        let mut values = self.values.iter();
        let mut pieces = self.text.split('?');
        out.push_sql(pieces.next().unwrap_or_default());
        for piece in pieces {
            let value = values.next().ok_or_else(|| self.mismatch())?;
            push(value, &mut out)?;
            out.push_sql(piece);
        }
        match values.next() {
            Some(_) => Err(self.mismatch()),
            None => Ok(()),
        }
    }

    fn mismatch(&self) -> DieselError {
        DieselError::QueryBuilderError(
            format!("{} values bound to: {}", self.values.len(), self.text).into(),
        )
    }
}

impl QueryId for Sql<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Query for Sql<'_> {
    type SqlType = Untyped;
}

impl<C> diesel::RunQueryDsl<C> for Sql<'_> {}

impl QueryFragment<Sqlite> for Sql<'_> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        self.walk(out, |value, out| match value {
            Value::Int(v) => out.push_bind_param::<Nullable<BigInt>, _>(v),
            Value::Float(v) => out.push_bind_param::<Nullable<Double>, _>(v),
            Value::Text(v) => out.push_bind_param::<Nullable<Text>, _>(v),
            Value::Bytes(v) => out.push_bind_param::<Nullable<Binary>, _>(v),
            Value::Ints(_) | Value::Texts(_) | Value::Blobs(_) => Err(
                DieselError::QueryBuilderError("arrays are for PostgreSQL only".into()),
            ),
        })
    }
}

impl QueryFragment<Pg> for Sql<'_> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.walk(out, |value, out| match value {
            Value::Int(v) => out.push_bind_param::<Nullable<BigInt>, _>(v),
            Value::Float(v) => out.push_bind_param::<Nullable<Double>, _>(v),
            Value::Text(v) => out.push_bind_param::<Nullable<Text>, _>(v),
            Value::Bytes(v) => out.push_bind_param::<Nullable<Binary>, _>(v),
            Value::Ints(v) => out.push_bind_param::<Array<Nullable<BigInt>>, _>(v),
            Value::Texts(v) => out.push_bind_param::<Array<Nullable<Text>>, _>(v),
            Value::Blobs(v) => out.push_bind_param::<Array<Nullable<Binary>>, _>(v),
        })
    }
}

macro_rules! value_from {
    ($($type:ty => $variant:ident, $convert:expr;)*) => {$(
        impl<'a> From<$type> for Value<'a> {
            fn from(value: $type) -> Self {
                Value::$variant(Some(($convert)(value)))
            }
        }
        impl<'a> From<Option<$type>> for Value<'a> {
            fn from(value: Option<$type>) -> Self {
                Value::$variant(value.map($convert))
            }
        }
    )*};
}

value_from! {
    i64 => Int, |v| v;
    i32 => Int, i64::from;
    i16 => Int, i64::from;
    u32 => Int, i64::from;
    bool => Int, i64::from;
    f64 => Float, |v| v;
    &'a str => Text, Cow::Borrowed;
    &'a String => Text, |v: &'a String| Cow::Borrowed(v.as_str());
    String => Text, Cow::Owned;
    &'a [u8] => Bytes, Cow::Borrowed;
    &'a Vec<u8> => Bytes, |v: &'a Vec<u8>| Cow::Borrowed(v.as_slice());
    Vec<u8> => Bytes, Cow::Owned;
}
