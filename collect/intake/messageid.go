package intake

import "strings"

// placeholders are texts that programs send where a message id is missing, in lower case.
var placeholders = map[string]bool{
	"null": true, "(null)": true, "<null>": true, "nil": true, "<nil>": true, "none": true, "undefined": true, "(undefined)": true,
	"nan": true, "n/a": true, "na": true, "unknown": true, "true": true, "false": true, "[object object]": true, "[]": true, "{}": true,
	"id": true, "uuid": true, "guid": true, "messageid": true, "message_id": true, "message-id": true, "$message_id": true, "insert_id": true,
	"#n/a": true, "#ref!": true, "#value!": true, "#name?": true, "#null!": true, "#num!": true, "#div/0!": true,
}

// MissingID tells whether a message id is none: blank, a placeholder such as null,
// undefined, NaN or [object Object] (also in quotes), nothing but zeros and dashes, or a
// template that was not filled. Events with such an id would be taken for copies of each
// other.
func MissingID(id string) bool {
	const longest = len("[object object]")
	if len(id) > longest && isLetterOrDigit(id[0]) && id[0] != '0' {
		return false // as good as every id of a library
	}
	id = strings.Trim(id, " \t\r\n\u00a0\ufeff\"'`\\")
	switch {
	case strings.Trim(id, "0-") == "", id == "0.0":
		return true
	case strings.HasPrefix(id, "{{") && strings.HasSuffix(id, "}}"), strings.HasPrefix(id, "${") && strings.HasSuffix(id, "}"):
		return true
	case len(id) > longest:
		return false
	}
	return placeholders[id] || placeholders[strings.ToLower(id)]
}

func isLetterOrDigit(c byte) bool { return c-'0' <= 9 || (c|0x20)-'a' <= 'z'-'a' }
