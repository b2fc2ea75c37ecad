ALTER TABLE files DROP COLUMN archive_path;
ALTER TABLE files DROP COLUMN archive_name;
