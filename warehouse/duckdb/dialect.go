package duckdb

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/touchstone-cdp/touchstone/warehouse"
)

type dialect struct{}

var _ warehouse.Dialect = dialect{}

// Dialect is the engine's SQL, for who asks a warehouse that another process holds.
func Dialect() warehouse.Dialect { return dialect{} }

func (dialect) Name() string { return "duckdb" }

// JSON addresses a value by JSON pointer, in which a key's points, quotes and dollar
// signs mean themselves.
func (dialect) JSON(as warehouse.JSONType, column string, path ...string) string {
	var pointer strings.Builder
	for _, key := range path {
		pointer.WriteByte('/')
		pointer.WriteString(strings.NewReplacer("~", "~0", "/", "~1").Replace(key))
	}
	at := quote(pointer.String())
	switch as {
	case warehouse.AsTexts, warehouse.AsNumbers, warehouse.AsBooleans:
		of := map[warehouse.JSONType]warehouse.JSONType{warehouse.AsTexts: warehouse.AsText, warehouse.AsNumbers: warehouse.AsNumber, warehouse.AsBooleans: warehouse.AsBoolean}
		value := "json_extract(" + column + ", " + at + ")"
		list := "CASE json_type(" + value + ") WHEN 'ARRAY' THEN CAST(" + value + " AS JSON[]) ELSE [" + value + "] END"
		return "list_transform(" + list + ", lambda x: " + dialect{}.JSON(of[as], "x") + ")"
	case warehouse.AsText:
		return "json_extract_string(" + column + ", " + at + ")"
	case warehouse.AsDigest:
		return "CAST(md5_number_lower(json_extract_string(" + column + ", " + at + ")) >> 1 AS BIGINT)"
	case warehouse.AsHash: // of NULL there is one, too
		return "CAST(list_transform(list_filter([json_extract_string(" + column + ", " + at + ")], lambda x: x IS NOT NULL), lambda x: hash(x) >> 1)[1] AS BIGINT)"
	case warehouse.AsBoolean:
		return "(CASE CAST(json_extract(" + column + ", " + at + ") AS VARCHAR) WHEN 'true' THEN TRUE WHEN 'false' THEN FALSE END)"
	}
	// The JSON text of a number casts as it stands. A string's begins with a quote, does
	// not cast, and is then looked at more closely, because the cast alone would take
	// "1_000" and " 5 ", too.
	raw := "CAST(json_extract(" + column + ", " + at + ") AS VARCHAR)"
	number := "coalesce(TRY_CAST(" + raw + " AS DOUBLE), CASE WHEN regexp_full_match(" + raw +
		`, '"[-+.0-9eE]+"') AND length(` + raw + ") <= 402 THEN TRY_CAST(" + raw + "[2:-2] AS DOUBLE) END)"
	// What is not finite is none. A CASE would have the engine read the value once more for each comparison.
	return "list_filter([" + number + "], lambda x: isfinite(x))[1]"
}

func (dialect) Millis(expr string) string { return "epoch_ms(" + expr + ")" }

func (dialect) Month(expr string) string {
	at := "make_timestamp((" + expr + ") * 1000)"
	return "(year(" + at + ") * 12 + month(" + at + ") - 1)"
}

func (dialect) Fold(expr string) string { return "lower(" + expr + ")" }

func (dialect) EventName(code string) string {
	return "(SELECT n.name FROM event_names n WHERE n.code = " + code + ")"
}

func (dialect) Sum(expr string) string { return "fsum(" + expr + ")" }

func (dialect) Quantile(expr string, q float64) string {
	return fmt.Sprintf("quantile_cont(%s, %s)", expr, strconv.FormatFloat(q, 'f', -1, 64))
}

func (dialect) Numbers() string { return "(SELECT unnest(CAST(? AS BIGINT[])) AS n)" }

func (dialect) Words(rows int) string {
	row := "(CAST(? AS VARCHAR), CAST(? AS BIGINT))"
	return "(SELECT * FROM (VALUES " + row + strings.Repeat(", "+row, rows-1) + ") AS w(word, n))"
}

// quote writes a text as an SQL literal.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
