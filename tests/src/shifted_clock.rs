//! A clock that a test sets while services run: that of programs on SQLite, through a library loaded before the C
//! library; PostgreSQL's own, for all that ask it. Must never touch the machine's clock.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::process::Command;

use tempfile::TempDir;
use testkit::TempDb;

use crate::process::Process;

const SOURCE: &str = include_str!("shifted_clock.c");
/// What PostgreSQL finds before its own function of that name.
const SQL: &str = "CREATE SCHEMA shifted; CREATE TABLE shifted.shift (seconds BIGINT NOT NULL); \
    INSERT INTO shifted.shift VALUES (0); \
    CREATE FUNCTION shifted.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS $$ \
    SELECT pg_catalog.clock_timestamp() + make_interval(secs => (SELECT seconds FROM shifted.shift)) $$; \
    DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = public, shifted, pg_catalog', \
    current_database()); END $$";

/// The wall clock of a program that is loaded with it.
pub struct ProgramClock {
    /// Holds the library and the shift.
    _folder: TempDir,
    shift: File,
}

impl ProgramClock {
    /// That of `process`, from its next start on. Needs the C compiler that the program itself needs to be built.
    pub fn of(process: &mut Process) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let at = |name: &str| folder.path().join(name);
        fs::write(at("clock.c"), SOURCE).expect("the source is written");
        fs::write(at("shift"), 0_i64.to_ne_bytes()).expect("the shift is written");
        let compiler = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .args([at("clock.so"), at("clock.c")])
            .status();
        assert!(
            compiler.is_ok_and(|status| status.success()),
            "cc makes the clock"
        );
        process.set_environment("LD_PRELOAD", at("clock.so"));
        process.set_environment("SHIFTED_CLOCK_FILE", at("shift"));
        let shift = File::options().write(true).open(at("shift"));
        Self {
            shift: shift.expect("the shift can be written"),
            _folder: folder,
        }
    }

    /// Sets it so many seconds ahead of the machine's, at once.
    pub fn set(&self, seconds: i64) {
        let written = self.shift.write_all_at(&seconds.to_ne_bytes(), 0);
        written.expect("the shift is written");
    }
}

/// The clock of a database on PostgreSQL, for connections that are opened from now on.
pub struct ServerClock<'d>(&'d TempDb);

impl<'d> ServerClock<'d> {
    /// Before anything else is made in it.
    pub fn of(database: &'d TempDb) -> Self {
        database.execute(SQL);
        Self(database)
    }

    /// Sets it so many seconds ahead of the server's, at once.
    pub fn set(&self, seconds: i64) {
        let update = format!("UPDATE shifted.shift SET seconds = {seconds}");
        self.0.execute(&update);
    }
}
