-- +goose Up
-- Contacts are masked for keys without this scope. Keys from before saw them.
UPDATE console_api_keys SET scopes = scopes || ',contacts'
WHERE ',' || scopes || ',' LIKE '%,read,%' OR ',' || scopes || ',' LIKE '%,write,%';

-- +goose Down
UPDATE console_api_keys SET scopes = replace(scopes, ',contacts', '');
