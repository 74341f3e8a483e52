package sensors

import (
	"strings"

	"github.com/touchstone-cdp/touchstone/internal/jsonwalk"
)

// presets are the properties that SDKs set by themselves and that have a place in the
// context; the property stays, too.
var presets = map[string]struct{ object, member string }{
	"$os":               {"os", "name"},
	"$os_version":       {"os", "version"},
	"$screen_width":     {"screen", "width"},
	"$screen_height":    {"screen", "height"},
	"$manufacturer":     {"device", "manufacturer"},
	"$brand":            {"device", "brand"},
	"$model":            {"device", "model"},
	"$device_id":        {"device", "id"},
	"$app_version":      {"app", "version"},
	"$app_name":         {"app", "name"},
	"$app_id":           {"app", "namespace"},
	"$network_type":     {"network", "type"},
	"$carrier":          {"network", "carrier"},
	"$url":              {"page", "url"},
	"$url_path":         {"page", "path"},
	"$url_query":        {"page", "search"},
	"$title":            {"page", "title"},
	"$referrer":         {"page", "referrer"},
	"$utm_source":       {"campaign", "source"},
	"$utm_medium":       {"campaign", "medium"},
	"$utm_campaign":     {"campaign", "name"},
	"$utm_term":         {"campaign", "term"},
	"$utm_content":      {"campaign", "content"},
	"$country":          {"location", "country"},
	"$province":         {"location", "region"},
	"$city":             {"location", "city"},
	"$ip":               {"", "ip"},
	"$user_agent":       {"", "userAgent"},
	"$scene":            {"", "scene"},
	"$event_session_id": {"", "sessionId"},
}

var contextObjects = []string{"os", "screen", "device", "app", "network", "page", "campaign", "location", ""}

// context writes the members of the context that the presets and lib tell.
func (e *event) context(w *writer) {
	found := map[string][]byte{}
	path, url := false, ""
	jsonwalk.Members(e.properties, func(key, value string) bool {
		p, ok := presets[key]
		if !ok || !isScalar(value) {
			return true
		}
		path = path || key == "$url_path"
		if key == "$url" {
			url = jsonwalk.Text(value)
		}
		found[p.object] = appendMember(found[p.object], p.member, value)
		return true
	})
	if at := pathOf(url); at != "" && !path {
		found["page"] = appendMember(found["page"], "path", quoted(at))
	}
	for _, name := range contextObjects {
		switch members := found[name]; {
		case len(members) == 0:
		case name == "":
			w.members(members)
		default:
			w.member(name, "{"+string(members)+"}")
		}
	}
	e.library(w)
}

func appendMember(dst []byte, name, value string) []byte {
	if len(dst) > 0 && dst[len(dst)-1] != '{' && dst[len(dst)-1] != ',' {
		dst = append(dst, ',')
	}
	dst = append(append(dst, '"'), name...)
	return append(append(dst, `":`...), value...)
}

// pathOf is the path of an address, without what follows it.
func pathOf(url string) string {
	_, rest, ok := strings.Cut(url, "://")
	if !ok {
		return ""
	}
	if end := strings.IndexAny(rest, "?#"); end >= 0 {
		rest = rest[:end]
	}
	if start := strings.IndexByte(rest, '/'); start >= 0 {
		return rest[start:]
	}
	return "/"
}

// library notes the SDK, and the platform and channel that it stands for.
func (e *event) library(w *writer) {
	name, version := jsonwalk.Member(e.lib, "$lib"), jsonwalk.Member(e.lib, "$lib_version")
	if !isText(name) {
		name, version = jsonwalk.Member(e.properties, "$lib"), jsonwalk.Member(e.properties, "$lib_version")
	}
	if !isText(name) {
		return
	}
	library := appendMember(nil, "name", name)
	if isScalar(version) {
		library = appendMember(library, "version", version)
	}
	w.member("library", "{"+string(library)+"}")
	platform, channel := platformOf(jsonwalk.Text(name))
	if platform != "" {
		w.member("platform", quoted(platform))
	}
	if channel != "" {
		w.member("channel", quoted(channel))
	}
}

// platformOf tells what a library runs on. A server speaks for any channel: its source
// knows which.
func platformOf(lib string) (platform, channel string) {
	switch lower := strings.ToLower(lib); {
	case strings.Contains(lower, "mini"), strings.Contains(lower, "quickapp"):
		return "mini_program", "mini_program"
	case lower == "js":
		return "web", "web"
	case lower == "ios":
		return "ios", "app"
	case lower == "android":
		return "android", "app"
	case strings.Contains(lower, "harmony"):
		return "harmony", "app"
	case lower == "flutter", strings.Contains(lower, "reactnative"), lower == "unity":
		return "", "app"
	case lower == "node", lower == "java", lower == "python", lower == "php", lower == "golang", lower == "go", lower == "ruby", lower == "dotnet", lower == "csharp", lower == "rust":
		return "server", ""
	}
	return "", ""
}
