package duckdb

import "github.com/touchstone-cdp/touchstone"

// What a statement of a person may use, as data. Everything else is refused by name: the
// engine has some nine hundred functions, and new ones with each release, among them such
// that read files, change settings, make values of any size, cannot be interrupted, or
// end the process.

// family is a group of functions with a name for the documentation (docs/queries.md).
type family struct {
	name      string
	functions string
}

var families = []family{
	{"aggregates", `any_value approx_count_distinct approx_quantile approx_top_k arbitrary arg_max arg_max_null arg_min arg_min_null argmax argmin array_agg avg
		bit_and bit_or bit_xor bool_and bool_or corr count count_if count_star countif covar_pop covar_samp entropy favg first fsum geomean geometric_mean
		group_concat histogram kahan_sum kurtosis kurtosis_pop last list listagg mad max max_by mean median min min_by mode product quantile quantile_cont
		quantile_disc regr_avgx regr_avgy regr_count regr_intercept regr_r2 regr_slope regr_sxx regr_sxy regr_syy reservoir_quantile sem skewness stddev
		stddev_pop stddev_samp string_agg sum sum_no_overflow sumkahan var_pop var_samp variance wavg weighted_avg`},
	{"windows", `cume_dist dense_rank fill first_value lag last_value lead nth_value ntile percent_rank rank rank_dense row_number grouping grouping_id`},
	{"numbers", `abs acos add asin atan atan2 bit_count cbrt ceil ceiling cos cot degrees divide even exp factorial fdiv floor fmod gamma gcd greatest
		greatest_common_divisor isfinite isinf isnan lcm least least_common_multiple lgamma ln log log10 log2 mod multiply nextafter pi pow power radians random round round_even
		roundbankers setseed sign signbit sin sqrt subtract tan trunc xor hash bar to_base`},
	{"text", `array_to_string ascii base64 bin bit_length char_length character_length chr concat concat_ws contains decode encode ends_with format formatReadableDecimalSize
		formatReadableSize format_bytes from_base64 from_hex hamming hex ilike_escape instr jaccard jaro_similarity jaro_winkler_similarity lcase left left_grapheme
		len length length_grapheme levenshtein like_escape lower lpad ltrim md5 mismatches nfc_normalize not_ilike_escape not_like_escape octet_length ord position prefix
		printf regexp_escape regexp_extract regexp_extract_all regexp_full_match regexp_matches regexp_replace regexp_split_to_array repeat replace reverse
		right right_grapheme rpad rtrim sha1 sha256 split split_part starts_with str_split str_split_regex string_split string_split_regex string_to_array
		strip_accents strlen strpos substr substring substring_grapheme suffix to_base64 to_binary to_hex translate trim ucase unhex unicode upper url_decode url_encode`},
	{"dates and times", `age ago century current_date current_localtime current_localtimestamp date_add date_diff date_part date_sub date_trunc datediff datepart datesub datetrunc day
		dayname dayofmonth dayofweek dayofyear days_in_month decade epoch epoch_ms epoch_ns epoch_us era get_current_time get_current_timestamp hour isodow
		isoyear julian last_day make_date make_time make_timestamp make_timestamp_ms make_timestamp_ns make_timestamptz microsecond millennium millisecond minute month monthname nanosecond
		normalized_interval now quarter second strftime strptime time_bucket timezone timezone_hour timezone_minute to_centuries to_days to_decades to_hours
		to_microseconds to_millennia to_milliseconds to_minutes to_months to_quarters to_seconds to_timestamp to_weeks to_years today transaction_timestamp
		try_strptime week weekday weekofyear year yearweek`},
	{"JSON", `array_to_json json json_array json_array_length json_contains json_exists json_extract json_extract_path json_extract_path_text
		json_extract_string json_group_array json_group_object json_keys json_object json_quote json_type json_valid json_value row_to_json to_json`},
	{"lists, structs and maps", `aggregate apply array_aggr array_aggregate array_append array_apply array_cat array_concat array_contains array_distinct array_extract
		array_filter array_grade_up array_has array_has_all array_has_any array_indexof array_intersect array_length array_pop_back array_pop_front array_position
		array_prepend array_push_back array_push_front array_reduce array_reverse array_reverse_sort array_select array_slice array_sort array_transform array_unique
		array_value array_where array_zip cardinality element_at filter flatten generate_series generate_subscripts grade_up list_aggr list_aggregate list_any_value
		list_append list_apply list_avg list_bit_and list_bit_or list_bit_xor list_bool_and list_bool_or list_cat list_concat list_contains list_count list_distinct list_element
		list_extract list_filter list_first list_grade_up list_has list_has_all list_has_any list_histogram list_indexof list_intersect list_last list_max list_median
		list_min list_mode list_pack list_position list_prepend list_product list_reduce list_resize list_reverse list_reverse_sort list_select list_slice list_sort
		list_stddev_pop list_stddev_samp list_string_agg list_sum list_transform list_unique list_value list_var_pop list_var_samp list_where list_zip map map_concat map_contains
		map_contains_entry map_contains_value map_entries map_extract map_extract_value map_from_entries map_keys map_values range reduce row struct_concat struct_contains
		struct_extract struct_extract_at struct_insert struct_keys struct_pack struct_position struct_values unnest unpivot_list`},
	{"others", `alias coalesce error gen_random_uuid ifnull md5_number md5_number_lower nullif typeof uuid uuidv4 uuidv7 version pg_typeof enum_code enum_first enum_last enum_range`},
	{"operators", `!__postfix !~~ !~~* % & && * ** + - ->> / // << <@ >> @ @> ^ ^@ | || ~ ~~ ~~* ~~~ !`},
}

// tableFunctions are those that a statement may read from. Others reach files, raw
// memory, or the engine's settings, logs and checkpoints.
const tableFunctions = `range generate_series unnest repeat json_each json_tree histogram histogram_values summary duckdb_columns duckdb_tables duckdb_views duckdb_types duckdb_functions
	duckdb_keywords duckdb_schemas duckdb_constraints duckdb_databases duckdb_settings pragma_table_info pragma_show pragma_version pg_timezone_names icu_calendar_names`

// systemViews are the engine's own views that a statement may read from, beside
// information_schema; of these prefixes there are others.
const (
	systemViews    = `duckdb_columns duckdb_constraints duckdb_schemas duckdb_tables duckdb_types duckdb_views`
	systemPrefixes = `duckdb_ pragma_ sqlite_ pg_`
)

// classes are the expressions, and shapes the queries and sources, that a statement may
// consist of.
const (
	classes = `BETWEEN CASE CAST COLLATE COLUMN_REF COMPARISON CONJUNCTION CONSTANT DEFAULT FUNCTION LAMBDA LAMBDA_REF OPERATOR PARAMETER POSITIONAL_REFERENCE STAR SUBQUERY WINDOW`
	shapes  = `SELECT_NODE SET_OPERATION_NODE RECURSIVE_CTE_NODE CTE_NODE BASE_TABLE SUBQUERY JOIN TABLE_FUNCTION EXPRESSION_LIST EMPTY PIVOT SHOW_REF COLUMN_DATA CTE
		ORDER_DEFAULT ASCENDING DESCENDING LIMIT_MODIFIER LIMIT_PERCENT_MODIFIER ORDER_MODIFIER DISTINCT_MODIFIER`
)

// types are those that values may be cast to, by the engine's names and by those that people write.
const types = `NULL BOOLEAN TINYINT SMALLINT INTEGER BIGINT HUGEINT UTINYINT USMALLINT UINTEGER UBIGINT UHUGEINT FLOAT DOUBLE DECIMAL VARCHAR CHAR BLOB BIT DATE TIME
	TIME_NS TIMESTAMP TIMESTAMP_S TIMESTAMP_MS TIMESTAMP_NS INTERVAL UUID LIST STRUCT MAP ARRAY ENUM JSON UNBOUND BOOL INT INT1 INT2 INT4 INT8 INT16 INT32 INT64 INT128 SHORT LONG SIGNED
	INTEGRAL UINT8 UINT16 UINT32 UINT64 UINT128 FLOAT4 FLOAT8 REAL NUMERIC DEC TEXT STRING BPCHAR NVARCHAR BYTEA BINARY VARBINARY BITSTRING LOGICAL DATETIME TIMESTAMPTZ TIMETZ
	TIMESTAMP_US GUID ROW OID`

// Bounds of a statement, beside that of its length.
const (
	maxDepth       = 400    // of expressions and queries in one another
	maxParts       = 50_000 // expressions, queries and types
	maxLiteral     = 10_000 // bytes of one text
	maxTypeDepth   = 8      // lists of structs of lists …
	maxArrayLength = 1_000  // of a fixed-size array type
	maxWildcards   = 8      // % of a LIKE pattern: the engine tries all ways to divide the text among them
	maxStars       = 4      // * of a GLOB pattern
	// maxGrowth bounds what all functions that make a value of a given size make
	// together: their product, for the result of one may be the argument of the next.
	maxGrowth = 1_000_000
)

// bounds say how much the functions make that make values larger than their arguments, and
// which patterns they take. repeat('x', 2000000000) is one row: the engine bounds what its
// operators hold, but neither the size of a function's value nor the time of one call.
var bounds = map[string]bound{
	"repeat": byArgument(1), "lpad": byArgument(1), "rpad": byArgument(1), "to_base": byArgument(2), "bar": byArgument(3), "list_resize": byArgument(1),
	"range": byRange, "generate_series": byRange,
	"format": byFormat, "printf": byFormat, "replace": byReplace, "regexp_replace": byRegexpReplace,
	"bin": byFactor(8), "to_binary": byFactor(8), "hex": byFactor(2), "to_hex": byFactor(2), "base64": byFactor(2), "to_base64": byFactor(2),
	"url_encode": byFactor(3), "json_quote": byFactor(2), "to_json": byFactor(2), "regexp_escape": byFactor(2), "json_object": byFactor(2), "json_array": byFactor(2),
	"~~": byPattern('%', maxWildcards), "!~~": byPattern('%', maxWildcards), "~~*": byPattern('%', maxWildcards), "!~~*": byPattern('%', maxWildcards),
	"like_escape": byPattern('%', maxWildcards), "not_like_escape": byPattern('%', maxWildcards), "ilike_escape": byPattern('%', maxWildcards), "not_ilike_escape": byPattern('%', maxWildcards),
	"~~~": byPattern('*', maxStars),
}

type replacements map[string]touchstone.Text

// instead says what to use in place of functions that people know and may not use here.
var instead = replacements{
	"json_transform": readJSON, "json_transform_strict": readJSON, "from_json": readJSON, "from_json_strict": readJSON, "json_merge_patch": readJSON,
	"json_pretty": touchstone.Textf("select the value as it is; the console shows it readably"), "json_structure": seeJSON, "json_group_structure": seeJSON,
	"bitstring": touchstone.Textf("use integers with & and |"), "bitstring_agg": touchstone.Textf("use integers with bit_or"), "set_bit": touchstone.Textf("use integers with & and |"), "array_resize": touchstone.Textf("use list_resize with a length as a number"),
	"equi_width_bins": touchstone.Textf("use floor(x / width) * width"), "sleep_ms": touchstone.Textf("nothing here can wait"), "pg_sleep": touchstone.Textf("nothing here can wait"),
	"damerau_levenshtein": touchstone.Textf("use levenshtein"), "editdist3": touchstone.Textf("use levenshtein"),
	"current_setting": touchstone.Textf("select from duckdb_settings()"), "getenv": touchstone.Textf("SQL sees nothing of the server's surroundings"), "getvariable": touchstone.Textf("write the value itself, or use a WITH clause"),
	"read_csv": readFiles, "read_csv_auto": readFiles, "read_json": readFiles, "read_json_auto": readFiles, "read_ndjson": readFiles, "read_parquet": readFiles, "parquet_scan": readFiles,
	"read_text": readFiles, "read_blob": readFiles, "glob": readFiles, "query": touchstone.Textf("write the statement itself"), "query_table": touchstone.Textf("write the table's name itself"),
	"regexp_split_to_table": touchstone.Textf("use unnest(regexp_split_to_array(…))"),
}

var (
	readJSON  = touchstone.Textf("read the values one by one, as in properties->>'price'")
	seeJSON   = touchstone.Textf("json_type and json_keys tell what a value holds")
	readFiles = touchstone.Textf("SQL reads the warehouse only; bring files in with touchstone import")
)
