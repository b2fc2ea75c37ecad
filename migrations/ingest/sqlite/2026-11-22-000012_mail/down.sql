DROP TABLE mail_cursors;
