DROP TABLE activity_log;
DROP TABLE design_files;
DROP TABLE inbox;
DROP TABLE projects;
DROP TABLE clients;
DROP TABLE sources;
DROP TABLE tenants;
