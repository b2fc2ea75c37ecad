//! A person before a browser without scripts, at the ingest service under test.

use testkit::Base;
pub(crate) use testkit::{Browser, Form, selector};

use crate::harness::TestIngest;

impl From<&TestIngest> for Base {
    fn from(ingest: &TestIngest) -> Self {
        Self(ingest.base.clone())
    }
}
