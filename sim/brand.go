package sim

// Brand is the name of every world's company.
const Brand = brandName

// The brand. None of it exists.
const (
	brandName = "Lumora"
	website   = "https://www.lumora.example"
)

// model is a car of the line-up.
type model struct {
	id, name, class string
	cents           int64
	weight          int // of interest in it
}

var models = []model{
	{"lumora-c1", "Lumora C1", "city car", 12_990_000, 18},
	{"lumora-s3", "Lumora S3", "sedan", 21_990_000, 30},
	{"lumora-x5", "Lumora X5", "SUV", 27_990_000, 32},
	{"lumora-x7", "Lumora X7", "family SUV", 36_990_000, 15},
	{"lumora-gt", "Lumora GT", "coupé", 49_990_000, 5},
}

var modelWeights = weightsOf(models, func(m model) int { return m.weight })

// trims and colours change a car's price a little.
var (
	trims      = []string{"Standard", "Long Range", "Performance"}
	trimCents  = []int64{0, 2_500_000, 5_500_000}
	colours    = []string{"云白", "墨黑", "湖蓝", "晨曦橙", "雾灰"}
	deposit    = int64(500_000)
	interiors  = []string{"linen", "graphite", "cognac"}
	financings = []string{"cash", "loan_36", "loan_60", "lease"}
)

type accessory struct {
	sku, name string
	cents     int64
	weight    int
}

var accessories = []accessory{
	{"acc-charger", "Home charger 7 kW", 399_900, 8},
	{"acc-mats", "All-weather floor mats", 59_900, 22},
	{"acc-tent", "Roof tent", 699_900, 2},
	{"acc-seat", "Child seat", 219_900, 7},
	{"acc-frunk", "Frunk organiser", 32_900, 14},
	{"acc-shade", "Panoramic roof shade", 45_900, 18},
	{"acc-cam", "Dash camera card", 19_900, 16},
	{"acc-bike", "Bicycle rack", 189_900, 4},
	{"acc-cup", "Lumora travel mug", 12_900, 20},
	{"acc-model", "1:18 scale model X5", 49_900, 6},
}

var accessoryWeights = weightsOf(accessories, func(a accessory) int { return a.weight })

type article struct{ id, title, topic string }

var articles = []article{
	{"art-winter-range", "冬季续航实测", "range"},
	{"art-first-drive", "First drive: Lumora X5", "review"},
	{"art-charging-map", "十分钟找到充电桩", "charging"},
	{"art-family-trip", "一家五口的自驾川西", "travel"},
	{"art-safety", "How the body shell protects you", "safety"},
	{"art-pilot", "城市辅助驾驶体验", "pilot"},
	{"art-cost", "五年用车成本对比", "cost"},
	{"art-design", "Drawn by light: the design story", "design"},
	{"art-owner-story", "车主故事：从燃油到电动", "owner"},
	{"art-trade-in", "旧车置换指南", "trade-in"},
	{"art-finance", "Loan, lease or cash?", "cost"},
	{"art-ota", "新版本来了：OTA 4.2", "ota"},
}

// city is where people live. Weight is per mille of the brand's customers, roughly.
type city struct {
	name, region string
	tier         int
	weight       int
	stores       int
}

var cities = []city{
	{"上海", "华东", 1, 130, 4}, {"北京", "华北", 1, 115, 4}, {"深圳", "华南", 1, 95, 3}, {"广州", "华南", 1, 80, 3},
	{"杭州", "华东", 2, 70, 2}, {"成都", "西南", 2, 68, 2}, {"苏州", "华东", 2, 48, 2}, {"武汉", "华中", 2, 46, 2},
	{"重庆", "西南", 2, 46, 2}, {"南京", "华东", 2, 44, 2}, {"西安", "西北", 2, 38, 1}, {"天津", "华北", 2, 32, 1},
	{"长沙", "华中", 2, 30, 1}, {"郑州", "华中", 2, 28, 1}, {"青岛", "华东", 2, 26, 1}, {"宁波", "华东", 2, 24, 1},
	{"合肥", "华东", 3, 20, 1}, {"厦门", "华东", 3, 16, 1}, {"昆明", "西南", 3, 12, 1}, {"济南", "华东", 3, 12, 1},
	{"沈阳", "东北", 3, 8, 1}, {"大连", "东北", 3, 6, 1}, {"海口", "华南", 3, 4, 1}, {"兰州", "西北", 3, 2, 1},
}

var cityWeights = weightsOf(cities, func(c city) int { return c.weight })

// campaign brings people in while it runs. Source and medium are its utm parameters.
type campaign struct {
	name, source, medium string
	from, to             int // days of the history
	weight               int
}

var campaigns = []campaign{
	{"brand", "baidu", "cpc", 0, 1 << 30, 22},
	{"x5-launch", "douyin", "video", 5, 24, 34},
	{"winter-range", "bilibili", "video", 12, 40, 16},
	{"test-drive-weekend", "wechat", "social", 18, 32, 24},
	{"compare-suv", "autohome", "referral", 0, 1 << 30, 18},
	{"spring-offer", "weibo", "display", 38, 58, 28},
}

var searches = []string{"续航", "X5 价格", "充电桩", "test drive", "七座 SUV", "贷款", "质保", "colour"}

type namePart struct{ hanzi, latin string }

var surnames = []namePart{
	{"李", "li"}, {"王", "wang"}, {"张", "zhang"}, {"刘", "liu"}, {"陈", "chen"}, {"杨", "yang"}, {"赵", "zhao"}, {"黄", "huang"},
	{"周", "zhou"}, {"吴", "wu"}, {"徐", "xu"}, {"孙", "sun"}, {"胡", "hu"}, {"朱", "zhu"}, {"高", "gao"}, {"林", "lin"},
	{"何", "he"}, {"郭", "guo"}, {"马", "ma"}, {"罗", "luo"}, {"梁", "liang"}, {"宋", "song"}, {"郑", "zheng"}, {"谢", "xie"},
	{"韩", "han"}, {"唐", "tang"}, {"冯", "feng"}, {"于", "yu"}, {"董", "dong"}, {"萧", "xiao"}, {"程", "cheng"}, {"曹", "cao"},
}

var givens = []namePart{
	{"伟", "wei"}, {"芳", "fang"}, {"娜", "na"}, {"敏", "min"}, {"静", "jing"}, {"磊", "lei"}, {"洋", "yang"}, {"勇", "yong"},
	{"艳", "yan"}, {"杰", "jie"}, {"涛", "tao"}, {"明", "ming"}, {"超", "chao"}, {"霞", "xia"}, {"平", "ping"}, {"刚", "gang"},
	{"子涵", "zihan"}, {"雨桐", "yutong"}, {"浩然", "haoran"}, {"思远", "siyuan"}, {"欣怡", "xinyi"}, {"梓萱", "zixuan"},
	{"俊杰", "junjie"}, {"晓东", "xiaodong"}, {"佳怡", "jiayi"}, {"宇航", "yuhang"}, {"诗涵", "shihan"}, {"天宇", "tianyu"},
	{"文博", "wenbo"}, {"一诺", "yinuo"}, {"嘉欣", "jiaxin"}, {"志强", "zhiqiang"},
}

var (
	firstNames = []string{"Anna", "Ben", "Clara", "David", "Emma", "Felix", "Grace", "Henry", "Iris", "Jack", "Kate", "Leo", "Mia", "Noah", "Olivia", "Paul", "Rose", "Sam", "Tara", "Victor"}
	lastNames  = []string{"Adams", "Baker", "Clark", "Dubois", "Evans", "Fischer", "Garcia", "Hughes", "Ito", "Jones", "Kim", "Lopez", "Meyer", "Novak", "Olsen", "Patel", "Rossi", "Smith", "Tan", "Wilson"}
	ageBands   = []string{"18-24", "25-34", "35-44", "45-54", "55+"}
	ageWeights = []int{9, 38, 32, 15, 6}
	mailHosts  = []string{"example.com", "example.net", "example.org", "mail.example.com"}
)

var phones = []struct{ os, version, name string }{
	{"iOS", "19.3", "iPhone 17"}, {"iOS", "18.6", "iPhone 15"}, {"Android", "16", "Xiaomi 16"}, {"Android", "15", "OPPO Find X8"},
	{"HarmonyOS", "5.1", "Mate 70"}, {"HarmonyOS", "5.0", "Pura 70"}, {"Android", "15", "vivo X200"},
}

var browsers = []struct{ os, agent string }{
	{"Windows", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/143.0 Safari/537.36"},
	{"macOS", "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/19.0 Safari/605.1.15"},
	{"Android", "Mozilla/5.0 (Linux; Android 16) AppleWebKit/537.36 Chrome/143.0 Mobile Safari/537.36"},
	{"iOS", "Mozilla/5.0 (iPhone; CPU iPhone OS 19_3 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148"},
}

func weightsOf[T any](list []T, weight func(T) int) []int {
	weights := make([]int, len(list))
	for i, x := range list {
		weights[i] = weight(x)
	}
	return weights
}

// hours are the weights of the hours of a day in Shanghai.
type hours [24]int

var (
	onlineHours  = hours{8, 4, 2, 1, 1, 2, 6, 14, 22, 26, 28, 30, 42, 36, 28, 27, 28, 32, 36, 46, 60, 64, 48, 22}
	storeHours   = hours{9: 6, 10: 16, 11: 18, 12: 10, 13: 14, 14: 24, 15: 26, 16: 24, 17: 16, 18: 12, 19: 10, 20: 6}
	workHours    = hours{9: 14, 10: 20, 11: 18, 12: 6, 13: 12, 14: 20, 15: 20, 16: 18, 17: 14, 18: 8, 19: 4}
	chargeHours  = hours{14, 6, 3, 2, 1, 2, 5, 6, 6, 7, 8, 10, 12, 10, 9, 8, 9, 14, 18, 24, 30, 34, 36, 28}
	weekendHours = hours{1, 0, 0, 0, 0, 1, 3, 8, 16, 24, 28, 26, 20, 20, 24, 26, 28, 28, 24, 20, 16, 10, 6, 3}
	serviceHours = hours{9: 20, 10: 24, 11: 16, 13: 10, 14: 18, 15: 16, 16: 10}
)
