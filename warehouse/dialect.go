package warehouse

// Every back end has these relations, with these columns at least:
//
//	events_raw   seq BIGINT, message_id, time TIMESTAMP (UTC), received_at TIMESTAMP, node BIGINT, event INTEGER,
//	             type, source, the dimensions (see [DimensionNames]), properties JSON, context JSON
//	event_names  code INTEGER, name: what events_raw.event stands for
//	overrides    node BIGINT, person BIGINT: the person of a node is coalesce(override, node)
//	events       the view for people: event is the name, person the public id, person_id its number
//
// A question is written in the SQL that the engines share, and a Dialect fills in the rest. Shared
// is also what an engine may have to be told, as by settings of its connections: a join or an aggregate that finds
// nothing gives NULL, a cast of NULL is NULL, and NULL stands last in an order. warehousetest checks each. So are list_has_any, list_has_all, suffix, split_part, lpad,
// regexp_matches and regexp_extract (RE2), sin, cos, radians and pow of doubles; the cases of the rule language check those.

// JSONType is what a value in a JSON column is read as.
type JSONType uint8

// The ways to read a value. They follow the table of package segment/rule: NULL stands for
// a missing value, for JSON null, and for what is not of the type.
const (
	AsText     JSONType = iota + 1 // the content of a string, the JSON text of anything else
	AsNumber                       // a number or a numeric string, if it is finite
	AsBoolean                      // a boolean
	AsTexts                        // a list of what AsText reads of each element of a JSON list, or of the value itself as the only one
	AsNumbers                      // the same with AsNumber
	AsBooleans                     // and with AsBoolean
	AsDigest                       // rule.Digest of the text, a BIGINT: the lower 8 bytes of its MD5, without the last bit
	AsHash                         // a hash of the text of the engine's own, a BIGINT that is not negative: it costs less, and may be another in its next version
)

// Dialect is what differs between the engines' SQL, in one place. All methods return an
// expression; arguments named expr are expressions.
type Dialect interface {
	// Name is "duckdb" or "clickhouse".
	Name() string

	// JSON reads the value at a path of keys in a JSON column.
	JSON(as JSONType, column string, path ...string) string

	// Millis is a timestamp's unix milliseconds, a BIGINT.
	Millis(expr string) string
	// Month numbers the months: year*12 + month-1 of unix milliseconds, a BIGINT.
	Month(expr string) string

	// Fold makes texts that differ in the case of letters alone the same, in every script.
	Fold(expr string) string
	// EventName is the name of an event's code, a look-up in event_names.
	EventName(code string) string

	// Sum adds DOUBLEs without the rounding noise of adding one by one.
	Sum(expr string) string
	// Quantile interpolates between the two nearest values.
	Quantile(expr string, q float64) string
	// Numbers is a relation with the column n of the BIGINTs in one parameter ([]int64).
	Numbers() string
	// Words is a relation of rows (word VARCHAR, n BIGINT) that takes 2*rows parameters.
	Words(rows int) string
}
