DROP TABLE watch_ledger;
