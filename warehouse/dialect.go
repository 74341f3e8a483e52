package warehouse

// Dialect is what differs between the engines' SQL, in one place.
type Dialect interface {
	// Name is "duckdb" or "clickhouse".
	Name() string
}
