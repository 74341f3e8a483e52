package collect

import (
	"strings"

	"github.com/touchstone-cdp/touchstone/collect/intake"
)

// The reasons why a well-formed event is quarantined. They are stable: consoles filter
// and replay by them.
const (
	CodeNotAnObject      = "not_an_object"
	CodeUnknownType      = "unknown_type"
	CodeMissingUser      = "missing_user"
	CodeBlockedUser      = "blocked_user"
	CodeNoPerson         = "no_person"
	CodeStageRefused     = "stage_refused"     // by the pipeline
	CodeWarehouseRefused = "warehouse_refused" // by the sink
	CodeMissingEvent     = "missing_event"
	CodeMissingPrevious  = "missing_previous_id"
	CodeMissingGroup     = "missing_group_id"
	CodeWrongType        = "wrong_type"
	CodeBadTimestamp     = "bad_timestamp"
	CodeTooOld           = intake.CodeTooOld
	CodeInFuture         = intake.CodeInFuture
	CodeNameTooLong      = "name_too_long"
	CodeMessageIDTooLong = "message_id_too_long"
	CodeDuplicateKey     = "duplicate_key"
	CodeTooDeep          = "too_deep"
	CodeKeyTooLong       = "key_too_long"
	CodeNumberTooLong    = "number_too_long"
	CodeNumberOutOfRange = "number_out_of_range"
	CodeTooLarge         = "too_large"
	CodeMalformed        = "malformed"
	CodeTrackingPlan     = "tracking_plan" // by the pipeline: see package admission
	CodeRefused          = "plan_refused"  // by the edge, by the same plan
	CodeForgotten        = "person_erased" // by the edge: of an import; nothing of it is kept
	CodeImportRow        = "import_row"    // a row of a file that its mapping could not read
)

// reasonTexts say what each code means, for people.
var reasonTexts = map[string]string{
	CodeNotAnObject:      "the event is not a JSON object",
	CodeUnknownType:      "type is not one of track, identify, page, screen, group, alias",
	CodeMissingUser:      "there is no userId, no anonymousId and no other identifier",
	CodeBlockedUser:      "every identifier is a value that names nobody, like null or unknown",
	CodeNoPerson:         "no identifier names a person: a group_id names an account, and only so many kinds of identifiers are kept apart",
	CodeStageRefused:     "the event could not be worked on and was set aside",
	CodeWarehouseRefused: "the warehouse does not take the event, which was set aside; profiles have it",
	CodeTrackingPlan:     "the event breaks the tracking plan of its source",
	CodeRefused:          "the event breaks the tracking plan of its source, which refuses it",
	CodeForgotten:        "somebody with one of its identifiers was erased, and imports must not bring them back; nothing of the event is kept",
	CodeMissingEvent:     "a track call needs an event name",
	CodeMissingPrevious:  "an alias call needs a previousId",
	CodeMissingGroup:     "a group call needs a groupId",
	CodeWrongType:        "a field has the wrong JSON type",
	CodeBadTimestamp:     "the timestamp is no ISO 8601 date and no number of seconds since 1970",
	CodeTooOld:           "the timestamp is older than this server accepts",
	CodeInFuture:         "the time lies too far in the future",
	CodeNameTooLong:      "a name or id is too long",
	CodeMessageIDTooLong: "the messageId is too long",
	CodeDuplicateKey:     "an object has the same key twice",
	CodeTooDeep:          "objects and arrays are nested too deep",
	CodeKeyTooLong:       "a key is too long",
	CodeNumberTooLong:    "a number has too many digits",
	CodeNumberOutOfRange: "a number is beyond the range of a double",
	CodeMalformed:        "the event is not valid JSON",
	CodeTooLarge:         "the event is larger than this server accepts",
}

func flawText(code string) string {
	if t := reasonTexts[code]; t != "" {
		return t
	}
	return code
}

// Reason joins a code and a sentence into the Reason of a Rejected event.
func Reason(code, detail string) string {
	if detail == "" {
		detail = flawText(code)
	}
	return code + ": " + detail
}

// SplitReason is the inverse of Reason. A reason without a code gets the code "other".
func SplitReason(reason string) (code, detail string) {
	code, detail, ok := strings.Cut(reason, ": ")
	switch {
	case code == "" || len(code) > 32 || strings.Trim(code, "abcdefghijklmnopqrstuvwxyz0123456789_") != "":
		return "other", reason
	case !ok && reasonTexts[code] == "":
		return "other", reason
	case !ok:
		return code, flawText(code)
	}
	return code, detail
}
