DROP INDEX files_processing;
DROP INDEX files_failed;
DROP INDEX files_to_check;
DROP INDEX files_by_time;
