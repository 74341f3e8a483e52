package sensors

import (
	"strings"

	"github.com/touchstone-cdp/touchstone/internal/jsonwalk"
)

// kinds are the identifier kinds of the identities that SDKs set by themselves. Another
// identity is of the kind of its own name.
var kinds = map[string]string{
	"$identity_login_id":     "user_id",
	"$identity_anonymous_id": "anonymous_id",
	"$identity_cookie_id":    "anonymous_id",
	"$identity_distinct_id":  "anonymous_id",
	"$identity_mp_id":        "anonymous_id",
	"$identity_android_uuid": "anonymous_id",
	"$identity_ios_uuid":     "anonymous_id",
	"$identity_mobile":       "phone",
	"$identity_email":        "email",
	"$identity_mp_openid":    "openid",
	"$identity_openid":       "openid",
	"$identity_mp_unionid":   "unionid",
	"$identity_unionid":      "unionid",
	"$identity_android_id":   "device_id",
	"$identity_idfv":         "device_id",
	"$identity_imei":         "device_id",
	"$identity_idfa":         "advertising_id",
	"$identity_oaid":         "advertising_id",
	"$identity_gaid":         "advertising_id",
}

func kindOf(identity string) string {
	if kind := kinds[identity]; kind != "" {
		return kind
	}
	return strings.TrimPrefix(strings.TrimPrefix(identity, "$"), "identity_")
}

// identity is a member of identities: its kind here and its value as JSON.
type identity struct{ name, kind, value string }

// identitiesOf reads identities; values that are no text and no number name nobody.
func identitiesOf(object string) (list []identity) {
	jsonwalk.Members(object, func(key, value string) bool {
		if name := jsonwalk.Unescape(key); isScalar(value) && len(list) < maxIdentities {
			list = append(list, identity{name, kindOf(name), value})
		}
		return true
	})
	return list
}

const maxIdentities = 50 // the edge keeps fewer per event

func isScalar(value string) bool { return isText(value) || isNumber(value) }

func isText(value string) bool { return len(value) > 2 && value[0] == '"' }

func isNumber(value string) bool {
	return value != "" && (value[0] == '-' || value[0] >= '0' && value[0] <= '9')
}

// who names the person of an event, as JSON values; "" is none.
type who struct {
	user, anonymous string
	others          []identity
}

// whoOf reads who an event is about. A distinct_id alone may be a login id or not: it is
// taken as an anonymous id, and each login id is also written as one, so that a server
// that knows nothing but distinct_id finds the person.
func (e *event) whoOf() (w who) {
	identities := identitiesOf(e.identities)
	if e.kind == "track_id_unbind" { // what is to be taken away must not be linked once more
		if e.distinct != "" && !e.named(identities) {
			w.anonymous = e.distinct
			if e.login != "" || e.isLogin {
				w.user = e.distinct
			}
			return w
		}
		w.others = identities
		return w
	}
	w.user, w.anonymous = e.login, e.anonymous
	for _, id := range identities {
		switch {
		case id.kind == "user_id" && w.user == "":
			w.user = id.value
		case id.kind == "anonymous_id" && w.anonymous == "":
			w.anonymous = id.value
		default:
			w.others = append(w.others, id)
		}
	}
	switch {
	case e.kind == "track_signup":
		if w.user == "" {
			w.user = e.distinct
		}
		if w.anonymous == "" {
			w.anonymous = e.original
		} else if e.original != "" {
			w.others = append(w.others, identity{"", "anonymous_id", e.original})
		}
	case e.isLogin && w.user == "":
		w.user = e.distinct
	}
	if e.distinct != "" && e.distinct != w.user && e.distinct != w.anonymous && !e.named(identities) {
		if w.anonymous == "" {
			w.anonymous = e.distinct
		} else {
			w.others = append(w.others, identity{"", "anonymous_id", e.distinct})
		}
	}
	if w.user != "" {
		w.others = append(w.others, identity{"", "anonymous_id", w.user})
	}
	return w
}

// named tells whether distinct_id only repeats an identity, as "name+value": so server
// SDKs fill it when nobody is logged in.
func (e *event) named(identities []identity) bool {
	distinct := jsonwalk.Text(e.distinct)
	for _, id := range identities {
		if rest, ok := strings.CutPrefix(distinct, id.name+"+"); ok && rest == text(id.value) {
			return true
		}
	}
	return false
}

// text returns strings and numbers as text.
func text(value string) string {
	if isNumber(value) {
		return value
	}
	return jsonwalk.Text(value)
}
