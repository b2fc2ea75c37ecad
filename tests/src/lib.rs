//! End-to-end tests of both services.
