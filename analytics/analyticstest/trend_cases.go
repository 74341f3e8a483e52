package analyticstest

var trendCases = []Case{
	{
		Name: "trend measures",
		Events: `
			1 buy 2026-01-01T10:00:00Z {"amount":10}
			1 buy 2026-01-01T11:00:00Z {"amount":20.5}
			2 buy 2026-01-01T12:00:00Z {"amount":"30"}
			3 buy 2026-01-01T13:00:00Z {"amount":"a lot"}
			3 buy 2026-01-03T13:00:00Z {"amount":-2.25}
			4 buy 2026-01-03T14:00:00Z
			4 view 2026-01-03T14:00:00Z {"amount":1000}
			4 buy 2026-01-04T00:00:00Z {"amount":1}
			4 buy 2025-12-31T23:59:59.999Z {"amount":1}`,
		Asks: []Ask{
			{`"kind":"trend","from":"2026-01-01T00:00:00Z","to":"2026-01-04T00:00:00Z","series":[{"event":"buy"}]`, `
				["2026-01-01T00:00:00Z",0,4]
				["2026-01-02T00:00:00Z",0,0]
				["2026-01-03T00:00:00Z",0,2]`},
			{`"kind":"trend","from":"2026-01-01T00:00:00Z","to":"2026-01-04T00:00:00Z","interval":"total","series":[
				{"event":"buy","measure":"count"},{"event":"buy","measure":"persons"},{"event":"buy","measure":"per_person"},
				{"event":"buy","measure":"sum","property":"amount"},{"event":"buy","measure":"avg","property":"amount"},
				{"event":"buy","measure":"min","property":"amount"},{"event":"buy","measure":"max","property":"amount"},
				{"event":"buy","measure":"median","property":"amount"},{"event":"buy","measure":"p90","property":"amount"},
				{"event":"*","measure":"count"},{"event":"never","measure":"count"},{"event":"never","measure":"avg","property":"amount"}]`, `
				["2026-01-01T00:00:00Z",0,6]
				["2026-01-01T00:00:00Z",1,4]
				["2026-01-01T00:00:00Z",2,1.5]
				["2026-01-01T00:00:00Z",3,58.25]
				["2026-01-01T00:00:00Z",4,14.5625]
				["2026-01-01T00:00:00Z",5,-2.25]
				["2026-01-01T00:00:00Z",6,30]
				["2026-01-01T00:00:00Z",7,15.25]
				["2026-01-01T00:00:00Z",8,27.15]
				["2026-01-01T00:00:00Z",9,7]
				["2026-01-01T00:00:00Z",10,0]
				["2026-01-01T00:00:00Z",11,null]`},
			{`"kind":"trend","from":"2026-01-01T00:00:00Z","to":"2026-01-04T00:00:00Z","interval":"day","series":[{"event":"buy","measure":"persons"},{"event":"buy","measure":"avg","property":"amount"}]`, `
				["2026-01-01T00:00:00Z",0,3]
				["2026-01-02T00:00:00Z",0,0]
				["2026-01-03T00:00:00Z",0,2]
				["2026-01-01T00:00:00Z",1,20.1666666666667]
				["2026-01-02T00:00:00Z",1,null]
				["2026-01-03T00:00:00Z",1,-2.25]`},
		},
	},
	{
		Name: "trend sums without rounding noise",
		Events: `
			1 buy 2026-01-01T10:00:00Z {"amount":0.1}
			1 buy 2026-01-01T10:00:01Z {"amount":0.2}
			1 buy 2026-01-01T10:00:02Z {"amount":12345678.9}
			1 buy 2026-01-01T10:00:03Z {"amount":0.1}
			1 buy 2026-01-01T10:00:04Z {"amount":0.7}`,
		Asks: []Ask{{`"kind":"trend",RANGE,"interval":"total","series":[{"event":"buy","measure":"sum","property":"amount"}]`, `["2026-01-01T00:00:00Z",0,12345680]`}},
	},
	{
		Name: "trend and merged persons",
		Events: `
			1 buy 2026-01-01T10:00:00Z
			2 buy 2026-01-01T11:00:00Z
			3 buy 2026-01-01T12:00:00Z
			4 buy 2026-01-02T12:00:00Z
			5 buy 2026-01-02T12:00:00Z
			2 is 1
			4 is 3
			5 is 1`,
		Asks: []Ask{
			{`"kind":"trend","from":"2026-01-01T00:00:00Z","to":"2026-01-03T00:00:00Z","series":[{"event":"buy","measure":"persons"},{"event":"buy","measure":"per_person"}]`, `
				["2026-01-01T00:00:00Z",0,2]
				["2026-01-02T00:00:00Z",0,2]
				["2026-01-01T00:00:00Z",1,1.5]
				["2026-01-02T00:00:00Z",1,1]`},
			{`"kind":"trend",RANGE,"interval":"total","series":[{"event":"buy","measure":"persons"}]`, `["2026-01-01T00:00:00Z",0,2]`},
			// The segment holds 1, 3 and 5; node 5 belongs to person 1 now, and no person 5 is left.
			{`"kind":"trend",RANGE,"interval":"total","segment":"seg_odd","series":[{"event":"buy","measure":"persons"},{"event":"buy"}]`, `
				["2026-01-01T00:00:00Z",0,2]
				["2026-01-01T00:00:00Z",1,5]`},
		},
	},
	{
		Name: "trend of a segment",
		Events: `
			1 buy 2026-01-01T10:00:00Z
			2 buy 2026-01-01T11:00:00Z
			4 buy 2026-01-01T12:00:00Z
			5 buy 2026-01-01T12:00:00Z
			6 buy 2026-01-01T12:00:00Z
			5 is 6
			4 is 3`,
		Asks: []Ask{{`"kind":"trend",RANGE,"interval":"total","segment":"seg_odd","series":[{"event":"buy","measure":"persons"},{"event":"buy"}]`, `
				["2026-01-01T00:00:00Z",0,2]
				["2026-01-01T00:00:00Z",1,2]`}},
	},
	{
		Name: "trend over days of 23 and 25 hours",
		Events: `
			1 e 2026-03-28T23:59:59.999Z
			2 e 2026-03-29T00:00:00Z
			3 e 2026-03-29T22:59:59.999Z
			4 e 2026-03-29T23:00:00Z
			5 e 2026-10-24T22:59:59.999Z
			6 e 2026-10-24T23:00:00Z
			7 e 2026-10-25T23:59:59.999Z
			8 e 2026-10-26T00:00:00Z
			9 e 2026-11-01T03:59:59Z
			10 e 2026-11-01T04:00:00Z
			11 e 2026-11-01T05:30:00Z
			12 e 2026-11-01T06:30:00Z
			13 e 2026-11-02T04:59:59Z
			14 e 2026-11-02T05:00:00Z`,
		Asks: []Ask{
			{`"kind":"trend","tz":"Europe/London","from":"2026-03-28T00:00:00Z","to":"2026-03-30T23:00:00Z","series":[{"event":"e","measure":"persons"}]`, `
				["2026-03-28T00:00:00Z",0,1]
				["2026-03-29T00:00:00Z",0,2]
				["2026-03-29T23:00:00Z",0,1]`},
			{`"kind":"trend","tz":"Europe/London","from":"2026-10-23T23:00:00Z","to":"2026-10-27T00:00:00Z","series":[{"event":"e","measure":"persons"}]`, `
				["2026-10-23T23:00:00Z",0,1]
				["2026-10-24T23:00:00Z",0,2]
				["2026-10-26T00:00:00Z",0,1]`},
			{`"kind":"trend","tz":"America/New_York","from":"2026-10-31T04:00:00Z","to":"2026-11-03T05:00:00Z","series":[{"event":"e"}]`, `
				["2026-10-31T04:00:00Z",0,1]
				["2026-11-01T04:00:00Z",0,4]
				["2026-11-02T05:00:00Z",0,1]`},
			{`"kind":"trend","tz":"America/New_York","interval":"hour","from":"2026-11-01T05:00:00Z","to":"2026-11-01T08:00:00Z","series":[{"event":"e"}]`, `
				["2026-11-01T05:00:00Z",0,1]
				["2026-11-01T06:00:00Z",0,1]
				["2026-11-01T07:00:00Z",0,0]`},
			{`"kind":"trend","tz":"Europe/London","interval":"month","from":"2026-03-01T00:00:00Z","to":"2026-05-01T00:00:00Z","series":[{"event":"e"}]`, `
				["2026-03-01T00:00:00Z",0,4]
				["2026-03-31T23:00:00Z",0,0]
				["2026-04-30T23:00:00Z",0,0]`},
			{`"kind":"trend","tz":"America/New_York","interval":"week","from":"2026-10-26T04:00:00Z","to":"2026-11-09T05:00:00Z","series":[{"event":"e"}]`, `
				["2026-10-26T04:00:00Z",0,5]
				["2026-11-02T05:00:00Z",0,1]`},
		},
	},
	{
		Name: "trend over days and weeks in Shanghai",
		Events: `
			1 e 2026-01-04T15:59:59.999Z
			2 e 2026-01-04T16:00:00Z
			3 e 2026-01-05T15:00:00Z
			3 e 2026-01-31T16:00:00Z`,
		Asks: []Ask{
			{`"kind":"trend","tz":"Asia/Shanghai","from":"2026-01-03T16:00:00Z","to":"2026-01-06T16:00:00Z","series":[{"event":"e"}]`, `
				["2026-01-03T16:00:00Z",0,1]
				["2026-01-04T16:00:00Z",0,2]
				["2026-01-05T16:00:00Z",0,0]`},
			{`"kind":"trend","tz":"Asia/Shanghai","interval":"week","from":"2025-12-28T16:00:00Z","to":"2026-01-11T16:00:00Z","series":[{"event":"e"}]`, `
				["2025-12-28T16:00:00Z",0,1]
				["2026-01-04T16:00:00Z",0,2]`},
			{`"kind":"trend","tz":"Asia/Shanghai","interval":"month","from":"2025-12-31T16:00:00Z","to":"2026-02-28T16:00:00Z","series":[{"event":"e"}]`, `
				["2025-12-31T16:00:00Z",0,3]
				["2026-01-31T16:00:00Z",0,1]`},
		},
	},
	{
		Name: "trend with filters and groups",
		Events: `
			1 buy 2026-01-01T10:00:00Z {"city":"上海","price":5} {"os":{"name":"iOS"},"campaign":{"source":"baidu"}}
			1 buy 2026-01-01T11:00:00Z {"city":"上海","price":15} {"os":{"name":"Android"}}
			2 buy 2026-01-01T12:00:00Z {"city":"北京","price":25} {"os":{"name":"iOS"}}
			3 buy 2026-01-01T12:00:00Z {"price":35}
			3 buy 2026-01-01T12:00:00Z {"city":""}
			3 buy 2026-01-01T12:00:00Z {"city":null}
			3 view 2026-01-01T12:00:00Z {"city":"上海"}`,
		Asks: []Ask{
			{`"kind":"trend",RANGE,"interval":"total","breakdown":[{"property":"city"}],"series":[{"event":"buy"}]`, `
				["2026-01-01T00:00:00Z",0,"上海",2]
				["2026-01-01T00:00:00Z",0,null,2]
				["2026-01-01T00:00:00Z",0,"",1]
				["2026-01-01T00:00:00Z",0,"北京",1]`},
			{`"kind":"trend",RANGE,"interval":"total","breakdown":[{"property":"city"}],"series":[{"event":"buy","measure":"persons"},{"event":"view","measure":"persons"}]`, `
				["2026-01-01T00:00:00Z",0,"上海",1]
				["2026-01-01T00:00:00Z",0,null,1]
				["2026-01-01T00:00:00Z",0,"",1]
				["2026-01-01T00:00:00Z",0,"北京",1]
				["2026-01-01T00:00:00Z",1,"上海",1]
				["2026-01-01T00:00:00Z",1,null,0]
				["2026-01-01T00:00:00Z",1,"",0]
				["2026-01-01T00:00:00Z",1,"北京",0]`},
			{`"kind":"trend",RANGE,"interval":"total","limit":1,"breakdown":[{"property":"city"}],"series":[{"event":"buy","measure":"sum","property":"price"}]`, `
				["2026-01-01T00:00:00Z",0,"上海",20]`},
			{`"kind":"trend",RANGE,"interval":"total","breakdown":[{"dimension":"os"},{"dimension":"event"}],"series":[{"event":"*"}]`, `
				["2026-01-01T00:00:00Z",0,null,"buy",3]
				["2026-01-01T00:00:00Z",0,"iOS","buy",2]
				["2026-01-01T00:00:00Z",0,"Android","buy",1]
				["2026-01-01T00:00:00Z",0,null,"view",1]`},
			{`"kind":"trend",RANGE,"interval":"total","filters":[{"property":"price","op":"gte","value":10}],"series":[{"event":"buy"},{"event":"buy","where":[{"property":"city","op":"exists"}]}]`, `
				["2026-01-01T00:00:00Z",0,3]
				["2026-01-01T00:00:00Z",1,2]`},
			{`"kind":"trend",RANGE,"interval":"total","filters":[{"dimension":"os","op":"in","value":["iOS","Windows"]},{"dimension":"utm_source","op":"eq","value":"baidu"}],"series":[{"event":"buy"}]`, `
				["2026-01-01T00:00:00Z",0,1]`},
			{`"kind":"trend",RANGE,"interval":"total","filters":[{"context":"os.name","op":"neq","value":"iOS"}],"series":[{"event":"buy"}]`, `
				["2026-01-01T00:00:00Z",0,4]`},
		},
	},
	{
		Name: "trend of names in any script",
		Events: `
			1 "提交 订单" 2026-01-01T10:00:00Z {"价格":5}
			1 "it's \"quoted\"; --" 2026-01-01T10:00:00Z {"it's":5}
			1 $page 2026-01-01T10:00:00Z {"path":"/a"}`,
		Asks: []Ask{
			{`"kind":"trend",RANGE,"interval":"total","series":[{"event":"提交 订单","measure":"sum","property":"价格"},{"event":"it's \"quoted\"; --","measure":"sum","property":"it's"}]`, `
				["2026-01-01T00:00:00Z",0,5]
				["2026-01-01T00:00:00Z",1,5]`},
			{`"kind":"trend",RANGE,"interval":"total","breakdown":[{"dimension":"page_path"}],"series":[{"event":"$page"}]`, `["2026-01-01T00:00:00Z",0,"/a",1]`},
		},
	},
	{
		Name: "trend over days whose midnight is skipped",
		Events: `
			1 e 2026-09-06T03:59:59.999Z
			2 e 2026-09-06T04:00:00Z
			3 e 2026-09-07T02:59:59.999Z
			4 e 2026-09-07T03:00:00Z
			5 e 2017-10-01T03:59:59.999Z
			6 e 2017-10-01T04:00:00Z
			7 e 2018-11-04T02:59:59Z
			8 e 2018-11-04T03:00:00Z`,
		Asks: []Ask{
			{`"kind":"trend","tz":"America/Santiago","from":"2026-09-05T04:00:00Z","to":"2026-09-08T03:00:00Z","series":[{"event":"*","measure":"persons"}]`, `
				["2026-09-05T04:00:00Z",0,1]
				["2026-09-06T04:00:00Z",0,2]
				["2026-09-07T03:00:00Z",0,1]`},
			{`"kind":"trend","tz":"America/Asuncion","interval":"month","from":"2017-09-01T04:00:00Z","to":"2017-11-01T03:00:00Z","series":[{"event":"e","measure":"persons"}]`, `
				["2017-09-01T04:00:00Z",0,1]
				["2017-10-01T04:00:00Z",0,1]`},
			{`"kind":"trend","tz":"America/Sao_Paulo","interval":"day","from":"2018-11-03T03:00:00Z","to":"2018-11-05T02:00:00Z","series":[{"event":"e","measure":"persons"}]`, `
				["2018-11-03T03:00:00Z",0,1]
				["2018-11-04T03:00:00Z",0,1]`},
		},
	},
	{
		Name: "trend before 1970",
		Events: `
			1 e 1949-10-01T07:00:00Z {"n":1}
			2 e 1969-12-31T23:59:59.999Z {"n":2}
			3 e 1970-01-01T00:00:00Z {"n":4}`,
		Asks: []Ask{
			{`"kind":"trend","interval":"day","from":"1969-12-31T00:00:00Z","to":"1970-01-02T00:00:00Z","series":[{"event":"e","measure":"persons"},{"event":"e","measure":"sum","property":"n"}]`, `
				["1969-12-31T00:00:00Z",0,1]
				["1970-01-01T00:00:00Z",0,1]
				["1969-12-31T00:00:00Z",1,2]
				["1970-01-01T00:00:00Z",1,4]`},
			{`"kind":"trend","tz":"Asia/Shanghai","interval":"week","from":"1949-09-25T16:00:00Z","to":"1949-10-02T16:00:00Z","series":[{"event":"e"}]`, `
				["1949-09-25T16:00:00Z",0,1]`},
			{`"kind":"trend","interval":"month","from":"1969-11-01T00:00:00Z","to":"1970-02-01T00:00:00Z","series":[{"event":"e"}]`, `
				["1969-11-01T00:00:00Z",0,0]
				["1969-12-01T00:00:00Z",0,1]
				["1970-01-01T00:00:00Z",0,1]`},
			{`"kind":"trend","interval":"hour","from":"1969-12-31T22:00:00Z","to":"1970-01-01T01:00:00Z","series":[{"event":"e"}]`, `
				["1969-12-31T22:00:00Z",0,0]
				["1969-12-31T23:00:00Z",0,1]
				["1970-01-01T00:00:00Z",0,1]`},
		},
	},
	{
		// It is 2027-01-01T00:00:00Z: what has not begun is not known, and not zero.
		Name: "trend into the future",
		Events: `
			1 e 2026-12-31T10:00:00Z {"n":2}
			2 e 2027-01-03T10:00:00Z {"n":3}`,
		Asks: []Ask{
			{`"kind":"trend","from":"2026-12-30T00:00:00Z","to":"2027-01-05T00:00:00Z","series":[{"event":"e"},{"event":"e","measure":"persons"},{"event":"e","measure":"sum","property":"n"}]`, `
				["2026-12-30T00:00:00Z",0,0]
				["2026-12-31T00:00:00Z",0,1]
				["2027-01-01T00:00:00Z",0,0]
				["2027-01-02T00:00:00Z",0,null]
				["2027-01-03T00:00:00Z",0,1]
				["2027-01-04T00:00:00Z",0,null]
				["2026-12-30T00:00:00Z",1,0]
				["2026-12-31T00:00:00Z",1,1]
				["2027-01-01T00:00:00Z",1,0]
				["2027-01-02T00:00:00Z",1,null]
				["2027-01-03T00:00:00Z",1,1]
				["2027-01-04T00:00:00Z",1,null]
				["2026-12-30T00:00:00Z",2,0]
				["2026-12-31T00:00:00Z",2,2]
				["2027-01-01T00:00:00Z",2,0]
				["2027-01-02T00:00:00Z",2,null]
				["2027-01-03T00:00:00Z",2,3]
				["2027-01-04T00:00:00Z",2,null]`},
			{`"kind":"trend","interval":"total","from":"2026-12-30T00:00:00Z","to":"2028-01-05T00:00:00Z","series":[{"event":"e"},{"event":"never"}]`, `
				["2026-12-30T00:00:00Z",0,2]
				["2026-12-30T00:00:00Z",1,0]`},
		},
	},
	{
		Name: "trend of numbers beyond all numbers",
		Events: `
			1 e 2026-01-01T10:00:00Z {"n":1e308,"m":-1.5e308,"t":"NaN"}
			2 e 2026-01-01T11:00:00Z {"n":1e308,"m":1.5e308,"t":"Infinity"}
			3 e 2026-01-02T11:00:00Z {"n":7,"t":"3"}`,
		Asks: []Ask{
			{`"kind":"trend",RANGE,"interval":"total","series":[{"event":"e"},{"event":"e","measure":"sum","property":"n"}]`, `error: the sum of "n" goes beyond what a number can hold`},
			{`"kind":"trend",RANGE,"interval":"total","series":[{"event":"e","measure":"avg","property":"n"}]`, `error: the avg of "n" goes beyond`},
			{`"kind":"trend","from":"2026-01-01T00:00:00Z","to":"2026-01-03T00:00:00Z","breakdown":[{"property":"t"}],"interval":"day","series":[{"event":"e","measure":"sum","property":"n"}]`, `
				["2026-01-01T00:00:00Z",0,"3",0]
				["2026-01-02T00:00:00Z",0,"3",7]
				["2026-01-01T00:00:00Z",0,"Infinity",1e308]
				["2026-01-02T00:00:00Z",0,"Infinity",0]
				["2026-01-01T00:00:00Z",0,"NaN",1e308]
				["2026-01-02T00:00:00Z",0,"NaN",0]`},
			{`"kind":"trend",RANGE,"interval":"total","series":[{"event":"e","measure":"sum","property":"t"},{"event":"e","measure":"max","property":"n"},{"event":"e","measure":"sum","property":"m"}]`, `
				["2026-01-01T00:00:00Z",0,3]
				["2026-01-01T00:00:00Z",1,1e308]
				["2026-01-01T00:00:00Z",2,0]`},
			{`"kind":"trend",RANGE,"interval":"total","series":[{"event":"e","measure":"median","property":"m"}]`, `["2026-01-01T00:00:00Z",0,0]`},
		},
	},
}
