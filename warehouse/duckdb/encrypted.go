package duckdb

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/duckdb/duckdb-go/v2/mapping"
)

// An encrypted warehouse is not the engine's main database but one that is attached to an empty one in
// memory: only so a key can be given. Each connection then uses it. The cipher is AES-256-GCM, so a changed byte is
// noticed, of the library that the engine has inside (mbedtls): it calls writing with that "unsafe" because nonces
// come from a generator of its own, seeded by the system, and not from the system directly. They need not be secret but different,
// which they are. The other library would be one that the engine loads from the network.

// attachedName is how the warehouse is called where it is attached.
const attachedName = "warehouse"

// encryption lets the engine write with the library that it has. What it spills is encrypted, too.
var encryption = [][2]string{{"force_mbedtls_unsafe", "true"}, {"temp_file_encryption", "true"}}

// openEncrypted opens or makes an encrypted file.
func openEncrypted(path, key string, settings [][2]string) (db mapping.Database, err error) {
	if db, err = openDatabaseFile(":memory:", append(settings, encryption...)); err != nil {
		return db, err
	}
	c, err := connect(db)
	if err == nil {
		err = c.attach(path, key, attachedName, "")
		for _, kv := range closed {
			err = errors.Join(err, c.query(fmt.Sprintf("SET %s = %s", kv[0], kv[1])))
		}
		c.close()
	}
	if err != nil {
		mapping.Close(&db)
	}
	return db, err
}

// attach attaches a database file under a name; an empty key: in the clear.
func (c *conn) attach(path, key, name, more string) error {
	var options []string
	if key != "" {
		options = append(options, "ENCRYPTION_KEY "+quote(key), "ENCRYPTION_CIPHER 'GCM'")
	}
	if more != "" {
		options = append(options, more)
	}
	list := ""
	if len(options) > 0 {
		list = " (" + strings.Join(options, ", ") + ")"
	}
	err := c.query("ATTACH " + quote(path) + " AS " + name + list)
	var said *engineError
	if errors.As(err, &said) && key != "" { // the engine may quote a statement
		return &engineError{strings.ReplaceAll(said.msg, key, "…")}
	}
	return err
}

// connect opens a connection to the warehouse.
func (w *Warehouse) connect() (*conn, error) {
	return connectTo(w.db, w.opts.Key != "")
}

func connectTo(db mapping.Database, attached bool) (*conn, error) {
	c, err := connect(db)
	if err != nil || !attached {
		return c, err
	}
	if err := c.exec(context.Background(), "USE "+attachedName); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// connectEncrypted opens a snapshot for reading and locks the settings, for one statement of a person.
func connectEncrypted(ctx context.Context, t task) (*conn, error) {
	db, err := openDatabaseFile(":memory:", t.engineSettings())
	if err != nil {
		return nil, err
	}
	c, err := connect(db) // neither is closed: the process ends
	if err != nil {
		return nil, err
	}
	err = c.attach(t.Path, t.Key, attachedName, "READ_ONLY")
	for _, statement := range []string{"USE " + attachedName, "SET enable_external_access = false", "SET lock_configuration = true"} {
		if err == nil {
			err = c.exec(ctx, statement)
		}
	}
	return c, err
}
