-- +goose Up
-- Imports are a feature of their own, which finds its tables here and makes them where there was no console.
ALTER TABLE console_imports RENAME TO imports;
DROP INDEX console_imports_age;
CREATE INDEX imports_age ON imports (created_at, id);
ALTER TABLE console_uploads RENAME TO import_uploads;
DROP INDEX console_uploads_age;
CREATE INDEX import_uploads_age ON import_uploads (created_at, id);
ALTER TABLE console_import_runs RENAME TO import_runs;
DROP INDEX console_import_runs_upload;
CREATE INDEX import_runs_upload ON import_runs (upload_id);
ALTER TABLE console_mappings RENAME TO import_mappings;

-- +goose Down
ALTER TABLE import_mappings RENAME TO console_mappings;
DROP INDEX import_runs_upload;
CREATE INDEX console_import_runs_upload ON import_runs (upload_id);
ALTER TABLE import_runs RENAME TO console_import_runs;
DROP INDEX import_uploads_age;
CREATE INDEX console_uploads_age ON import_uploads (created_at, id);
ALTER TABLE import_uploads RENAME TO console_uploads;
DROP INDEX imports_age;
CREATE INDEX console_imports_age ON imports (created_at, id);
ALTER TABLE imports RENAME TO console_imports;
