package warehouse

import (
	"testing"

	"github.com/touchstone-cdp/touchstone"
)

func TestDimensions(t *testing.T) {
	for name, c := range map[string]struct {
		context, properties string
		want                map[int]string
	}{
		"nothing":         {want: map[int]string{}},
		"not an object":   {context: `"x"`, want: map[int]string{}},
		"texts":           {context: `{"sessionId":"s","platform":"tv","channel":"store","os":{"name":"iOS","version":"17"}}`, want: map[int]string{Session: "s", Platform: "tv", Channel: "store", OS: "iOS"}},
		"numbers":         {context: `{"sessionId": 17 ,"channel":-2.5}`, want: map[int]string{Session: "17", Channel: "-2.5"}},
		"other types":     {context: `{"sessionId":{"a":1},"channel":true,"platform":null,"os":"iOS","campaign":[1],"location":3,"page":"x"}`, want: map[int]string{Platform: "web"}},
		"escapes":         {context: `{"location":{"city":"\u4e0a\u6d77","country":"C\"N"}}`, want: map[int]string{City: "上海", Country: `C"N`}},
		"campaign":        {context: `{"campaign":{"source":"weibo","medium":"cpc","name":"autumn","term":"suv","content":"a}"}}`, want: map[int]string{UTMSource: "weibo", UTMMedium: "cpc", UTMCampaign: "autumn", UTMTerm: "suv", UTMContent: "a}"}},
		"page":            {context: `{"page":{"url":"https://a/b","path":"/b"}}`, properties: `{"path":"/c"}`, want: map[int]string{Platform: "web", PagePath: "/b"}},
		"page's property": {properties: `{"title":"c","path":"/c"}`, want: map[int]string{PagePath: "/c"}},
		"user agent data": {context: `{"userAgentData":{"brands":[{"brand":"x"}],"platform":"Windows"},"userAgent":"Mozilla/5.0 (X11; Linux x86_64)"}`, want: map[int]string{OS: "Windows", Platform: "web"}},
		"library":         {context: `{"library":{"name":"analytics-node","version":"2"}}`, want: map[int]string{Platform: "server"}},
		"mini program":    {context: `{"library":{"name":"WeChat-Mini"},"device":{"type":"phone"}}`, want: map[int]string{Platform: "mini_program"}},
	} {
		var want, got Dimensions
		for i, v := range c.want {
			want[i] = v
		}
		got.Extract(&touchstone.Event{Type: touchstone.Page, Context: touchstone.JSON(c.context), Properties: touchstone.JSON(c.properties)})
		if got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestOSOfUserAgent(t *testing.T) {
	for agent, want := range map[string]string{
		"": "",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36":                                     "macOS",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1":               "iOS",
		"Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Mobile Safari/537.36":                                     "Android",
		"Mozilla/5.0 (Linux; U; en-us) AppleWebKit/534 (KHTML, like Gecko) Android Browser":                                                                     "Android",
		"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36":                                                     "Linux",
		"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36":                                            "ChromeOS",
		"Mozilla/5.0 (Phone; OpenHarmony 5.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/114.0 Safari/537.36 ArkWeb/4.1 Mobile HarmonyOS":                    "HarmonyOS",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36 MicroMessenger/7.0 MiniProgramEnv/Windows": "Windows",
		"okhttp/4.12": "", "App (": "",
	} {
		if got := osOfUserAgent(agent); got != want {
			t.Errorf("%s: %q, want %q", agent, got, want)
		}
	}
}

// BenchmarkDimensions reads the context of a page of a shop.
func BenchmarkDimensions(b *testing.B) {
	e := touchstone.Event{Context: `{"ip":"203.0.113.24","locale":"zh-CN","timezone":"Asia/Shanghai","userAgent":"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36",` +
		`"library":{"name":"analytics.js","version":"2.11.1"},"page":{"path":"/models/basalt-ex","url":"https://shop.example.com/models/basalt-ex","title":"Basalt EX"},"campaign":{"source":"weibo","medium":"cpc","name":"autumn"}}`}
	var d Dimensions
	for b.Loop() {
		d.Extract(&e)
	}
}
