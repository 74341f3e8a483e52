package matchtest

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

var (
	hanFamily = []rune("王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤")
	hanGiven  = []rune("伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉兰红建国文辉力志永健鹏飞宇浩然子轩梓涵欣怡雨佳琪思雅婷雪梅春燕玲海波斌宁鑫龙凯俊峰晨阳旭东升亮成立民生福荣祥瑞嘉诗琳晓丹慧颖倩璐瑶晶莹云月兴旺才德贵发财宝")
	hanCities = strings.Fields("北京市朝阳区 北京市海淀区 上海市浦东新区 上海市徐汇区 广东省广州市天河区 广东省深圳市南山区 浙江省杭州市西湖区 江苏省南京市鼓楼区 江苏省苏州市吴中区 四川省成都市武侯区 湖北省武汉市洪山区 陕西省西安市雁塔区 山东省青岛市市南区 福建省厦门市思明区 湖南省长沙市岳麓区 河南省郑州市金水区 重庆市渝北区 天津市和平区 辽宁省大连市中山区 安徽省合肥市蜀山区")
	hanRoads  = []rune("人民中山解放建设和平文化新华长江黄河北京南京上海天府科技创业学院春熙锦绣东风西湖南湖北湖花园滨江望江翠竹红旗光明胜利青年五一")
	provinces = []rune("京沪粤浙苏川鄂陕鲁闽湘豫渝津辽皖")
	syllables = map[rune]string{
		'王': "wang", '李': "li", '张': "zhang", '刘': "liu", '陈': "chen", '杨': "yang", '黄': "huang", '赵': "zhao", '吴': "wu", '周': "zhou", '徐': "xu", '孙': "sun",
		'伟': "wei", '芳': "fang", '娜': "na", '敏': "min", '静': "jing", '丽': "li", '强': "qiang", '磊': "lei", '军': "jun", '洋': "yang", '勇': "yong", '艳': "yan",
		'杰': "jie", '娟': "juan", '涛': "tao", '明': "ming", '超': "chao", '秀': "xiu", '霞': "xia", '平': "ping", '刚': "gang", '华': "hua", '英': "ying", '红': "hong",
		'建': "jian", '国': "guo", '文': "wen", '辉': "hui", '志': "zhi", '健': "jian", '鹏': "peng", '飞': "fei", '宇': "yu", '浩': "hao", '佳': "jia", '雪': "xue",
		'梅': "mei", '燕': "yan", '玲': "ling", '波': "bo", '斌': "bin", '龙': "long", '凯': "kai", '峰': "feng", '晨': "chen", '阳': "yang", '东': "dong", '亮': "liang",
	}
	soundAlike = map[rune]rune{'伟': '炜', '静': '婧', '丽': '莉', '军': '君', '洋': '扬', '娟': '绢', '明': '铭', '志': '智', '浩': '皓', '杨': '扬', '阳': '杨', '婷': '庭', '晓': '小', '佳': '嘉', '琳': '林', '梅': '玫'}
)

func chinesePerson(r *rand.Rand, relative []string) []string {
	name := []rune{hanFamily[sometimes(r, len(hanFamily))], hanGiven[sometimes(r, len(hanGiven))]}
	if r.IntN(10) < 7 {
		name = append(name, hanGiven[sometimes(r, len(hanGiven))])
	}
	phone := fmt.Sprintf("1%d%09d", []int{3, 5, 7, 8, 9}[r.IntN(5)], r.IntN(1_000_000_000))
	birth := fmt.Sprintf("%04d-%02d-%02d", 1950+r.IntN(55), 1+r.IntN(12), 1+r.IntN(28))
	road := r.IntN(len(hanRoads) - 2)
	address := fmt.Sprintf("%s%s路%d号", hanCities[r.IntN(len(hanCities))], string(hanRoads[road:road+2]), 1+often(r, 800))
	if r.IntN(3) > 0 {
		address += fmt.Sprintf("%d号楼%d单元%d室", 1+r.IntN(30), 1+r.IntN(4), (1+r.IntN(28))*100+1+r.IntN(6))
	}
	plate := fmt.Sprintf("%c%c%05d", provinces[r.IntN(len(provinces))], 'A'+rune(r.IntN(8)), r.IntN(100_000))
	if relative != nil {
		address = relative[3]
		if r.IntN(2) == 0 {
			name[0] = []rune(relative[0])[0]
		}
		if r.IntN(3) == 0 {
			plate = relative[5]
		}
	}
	email := fmt.Sprintf("%d@qq.com", 10_000_000+r.IntN(2_000_000_000))
	if r.IntN(2) == 0 {
		email = phone + "@163.com"
	}
	return []string{string(name), phone, birth, address, email, plate}
}

func chineseError(r *rand.Rand, column int, v string, _ []string) string {
	kind := r.IntN(10)
	switch {
	case column == 0:
		return chineseName(r, kind, v)
	case column == 1 && kind < 4:
		return fmt.Sprintf("1%d%09d", []int{3, 5, 7, 8, 9}[r.IntN(5)], r.IntN(1_000_000_000))
	case column == 1 && kind < 6:
		return "+86 " + v[:3] + "-" + v[3:7] + "-" + v[7:]
	case column == 2 && kind < 4:
		return v[:4] + "年" + strings.TrimLeft(v[5:7], "0") + "月" + strings.TrimLeft(v[8:], "0") + "日"
	case column == 3 && kind < 3:
		at := strings.LastIndex(v, "区")
		return v[at+len("区"):]
	case column == 3 && kind < 6:
		return strings.NewReplacer("号楼", "栋", "单元", "-", "室", "").Replace(v)
	case column == 3 && kind == 6:
		road := r.IntN(len(hanRoads) - 2)
		return fmt.Sprintf("%s%s路%d号", hanCities[r.IntN(len(hanCities))], string(hanRoads[road:road+2]), 1+often(r, 800))
	case column == 4:
		return fmt.Sprintf("%d@qq.com", 10_000_000+r.IntN(2_000_000_000))
	case column == 5 && kind < 5:
		l := []rune(v)
		return string(l[:2]) + "·" + strings.NewReplacer("0", "O", "1", "I").Replace(string(l[2:]))
	}
	return typo(r, v)
}

// chineseName writes a name in pinyin, in either order, or with a character that sounds the same.
func chineseName(r *rand.Rand, kind int, v string) string {
	l := []rune(v)
	if kind < 5 {
		parts := make([]string, len(l))
		for i, c := range l {
			if parts[i] = syllables[c]; parts[i] == "" {
				return swapSound(r, l)
			}
		}
		given := strings.Join(parts[1:], "")
		if kind < 2 {
			return given + " " + parts[0]
		}
		return parts[0] + " " + given
	}
	return swapSound(r, l)
}

func swapSound(r *rand.Rand, l []rune) string {
	for i := range l {
		if other, ok := soundAlike[l[i]]; ok {
			l[i] = other
			return string(l)
		}
	}
	i := r.IntN(len(l))
	l[i] = hanGiven[r.IntN(len(hanGiven))]
	return string(l)
}
