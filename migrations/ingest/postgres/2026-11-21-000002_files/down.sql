DROP TABLE extractions;
DROP TABLE files;
DROP TABLE blobs;
