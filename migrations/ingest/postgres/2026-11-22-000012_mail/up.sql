-- How far people have been told by mail. One row for each kind of mail.

CREATE TABLE mail_cursors (
    name TEXT NOT NULL PRIMARY KEY,
    -- For news the key of the last event told of, for summaries the end of the last day told of, in Unix ms.
    told_until BIGINT NOT NULL,
    sent_at_ms BIGINT NOT NULL,
    -- Until then one node is at it, and the others are not.
    busy_until_ms BIGINT NOT NULL
);
