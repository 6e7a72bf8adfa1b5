"""Topics of the simulated platform: 24, each with things and aspects in English and Chinese.

>>> len(TOPICS), TOPICS[0].name("en"), TOPICS[0].name("zh"), TOPICS[0].nouns("zh")[0]
(24, 'photography', '摄影', '胶片相机')
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

LANGUAGES: Final = ("en", "zh")
Pair = tuple[str, str]
"""The same thing in English and in Chinese."""


@dataclass(frozen=True)
class Topic:
    """One topic: its name, the department of the shop, its things and their qualities."""

    names: Pair
    department: str
    things: tuple[Pair, ...]
    qualities: tuple[Pair, ...]

    def name(self, language: str) -> str:
        """The topic in one language."""
        return self.names[LANGUAGES.index(language)]

    def nouns(self, language: str) -> list[str]:
        """Things of the topic, the same order in both languages."""
        return [pair[LANGUAGES.index(language)] for pair in self.things]

    def aspects(self, language: str) -> list[str]:
        """Aspects that texts on the topic mention."""
        return [pair[LANGUAGES.index(language)] for pair in self.qualities]


DEPARTMENTS: Final[dict[str, Pair]] = {
    "arts": ("arts", "文艺"),
    "outdoors": ("outdoors", "户外"),
    "home": ("home", "居家"),
    "tech": ("technology", "科技"),
    "food": ("food and drink", "美食"),
    "learning": ("learning", "学习"),
    "health": ("health", "健康"),
    "leisure": ("leisure", "娱乐"),
}

_WRITTEN: Final = """
photography=摄影|arts
film camera=胶片相机; tripod=三脚架; portrait lens=人像镜头; darkroom=暗房; street photo=街拍; flash=闪光灯;
night shot=夜景照片; photo album=相册; drone camera=航拍机; light meter=测光表; macro shot=微距照片;
camera bag=摄影包
of golden light=黄金光线; composition=构图; exposure=曝光; depth of field=景深; colour grading=调色; grain=颗粒感
painting=绘画|arts
watercolour=水彩; oil paint=油画颜料; sketchbook=速写本; easel=画架; ink wash=水墨; canvas=画布;
pastel=色粉笔; mural=壁画; still life=静物; paintbrush=画笔; gouache=水粉; calligraphy brush=毛笔
of brushwork=笔触; perspective=透视; colour mixing=调和色彩; white space=留白; light and shade=光影; texture=肌理
classical music=古典音乐|arts
violin=小提琴; piano sonata=钢琴奏鸣曲; symphony=交响曲; string quartet=弦乐四重奏; cello=大提琴; opera=歌剧;
concerto=协奏曲; conductor=指挥家; sheet music=乐谱; metronome=节拍器; flute=长笛; chamber music=室内乐
of phrasing=乐句; harmony=和声; tempo=速度; tone colour=音色; counterpoint=对位; fingering=指法
hiking=徒步|outdoors
trail map=路线图; hiking boots=登山鞋; backpack=背包; trekking pole=登山杖; mountain hut=山屋;
rain jacket=冲锋衣; summit=山顶; water filter=净水器; headlamp=头灯; ridge walk=山脊线; valley=山谷;
compass=指南针
of altitude=海拔; steep climbs=陡坡; sunrise views=日出景色; weather windows=天气窗口; blisters=水泡; layering=分层穿衣
cycling=骑行|outdoors
road bike=公路车; bike helmet=骑行头盔; gravel ride=砾石路骑行; saddle=车座; bike chain=车链;
cycling jersey=骑行服; power meter=功率计; tyre=轮胎; mountain bike=山地车; folding bike=折叠车;
bike light=车灯; pedal=脚踏
of cadence=踏频; climbing=爬坡; gear ratio=齿比; aerodynamics=空气动力; descending=下坡; drafting=跟骑
fishing=钓鱼|outdoors
fishing rod=鱼竿; lure=路亚饵; reel=渔轮; carp=鲤鱼; fly fishing=飞蝇钓; float=浮漂; fish hook=鱼钩;
tackle box=钓箱; bass=鲈鱼; river bank=河岸; landing net=抄网; ice fishing=冰钓
of casting=抛竿; bait choice=选饵; patience=耐心; tide=潮汐; water depth=水深; catch and release=放流
gardening=园艺|home
rose=月季; vegetable bed=菜地; compost=堆肥; succulent=多肉植物; watering can=浇水壶; greenhouse=温室;
seedling=幼苗; pruning shears=修枝剪; herb pot=香草盆栽; lawn=草坪; orchid=兰花; garden path=花园小径
of pruning=修剪; soil drainage=土壤排水; pest control=防虫; blooming season=花期; shade=遮荫; grafting=嫁接
interior design=室内设计|home
sofa=沙发; floor lamp=落地灯; wallpaper=墙纸; bookshelf=书架; carpet=地毯; curtain=窗帘; dining table=餐桌;
cushion=抱枕; studio flat=小户型; wooden floor=木地板; mirror=镜子; wardrobe=衣柜
of colour scheme=配色; storage=收纳; natural light=采光; layout=布局; warm materials=温暖材质; proportion=比例
pets=宠物|home
kitten=小猫; puppy=小狗; cat tree=猫爬架; dog leash=牵引绳; hamster=仓鼠; aquarium=鱼缸; cat litter=猫砂;
parrot=鹦鹉; dog food=狗粮; grooming brush=梳毛刷; rabbit=兔子; pet bed=宠物窝
of training=训练; vaccination=疫苗; shedding=掉毛; play=玩耍; adoption=领养; gentle feeding=科学喂养
programming=编程|tech
Python script=Python脚本; web framework=网页框架; database=数据库; compiler=编译器; code editor=代码编辑器;
algorithm=算法; unit test=单元测试; mobile app=手机应用; open source library=开源库; API server=接口服务;
version control=版本控制; terminal=终端
of debugging=调试; refactoring=重构; concurrency=并发; type checking=类型检查; performance=性能; clean code=代码整洁
gadgets=数码|tech
smartphone=智能手机; headphones=耳机; smart watch=智能手表; laptop=笔记本电脑; mechanical keyboard=机械键盘;
tablet=平板电脑; power bank=充电宝; e-reader=电子阅读器; monitor=显示器; router=路由器;
smart speaker=智能音箱; game controller=游戏手柄
of battery life=续航; screen quality=屏幕素质; silence=降噪; charging=充电速度; build quality=做工; latency=延迟
astronomy=天文|tech
telescope=望远镜; meteor shower=流星雨; galaxy=星系; star map=星图; planet=行星; lunar eclipse=月食;
nebula=星云; space probe=探测器; observatory=天文台; comet=彗星; eyepiece=目镜; black hole=黑洞
of dark skies=暗夜; magnification=放大倍率; orbit=轨道; long exposure=长曝光; light years=光年; spectrum=光谱
baking=烘焙|food
sourdough=酸面包; croissant=可颂; cheesecake=芝士蛋糕; oven=烤箱; macaron=马卡龙; cookie=曲奇;
piping bag=裱花袋; brioche=布里欧修; tart=水果挞; stand mixer=厨师机; egg tart=蛋挞; chiffon cake=戚风蛋糕
of fermentation=发酵; crisp crust=酥脆外皮; kneading=揉面; oven temperature=炉温; sweetness=甜度; layers=层次
tea=茶|food
green tea=绿茶; oolong=乌龙茶; teapot=茶壶; pu-erh=普洱; tea ceremony=茶道; matcha=抹茶; black tea=红茶;
gaiwan=盖碗; tea garden=茶园; white tea=白茶; tea tray=茶盘; jasmine tea=茉莉花茶
of aroma=香气; water temperature=水温; aftertaste=回甘; steeping time=浸泡时间; tea colour=汤色; harvest=采摘
street food=街头小吃|food
dumpling=饺子; noodle soup=汤面; taco=墨西哥卷饼; hot pot=火锅; skewer=烤串; fried rice=炒饭;
night market=夜市; pancake=煎饼; curry=咖喱; spring roll=春卷; bubble tea=珍珠奶茶; rice noodle=米粉
of spice=辣味; broth=汤底; freshness=新鲜; sauce=酱汁; crunch=脆感; portion=分量
languages=外语|learning
vocabulary card=单词卡; grammar book=语法书; pronunciation=发音; Spanish course=西班牙语课;
Japanese kana=日语假名; dictionary=词典; listening practice=听力练习; French film=法语电影;
language exchange=语言交换; writing practice=写作练习; graded reader=分级读物; German verb=德语动词
of memory=记忆; fluency=流利度; accent=口音; immersion=沉浸式; conversation=会话; repetition=复习
history=历史|learning
ancient Rome=古罗马; Tang dynasty=唐代; silk road=丝绸之路; castle=城堡; bronze vessel=青铜器;
archaeology=考古; medieval town=中世纪小镇; old map=古地图; explorer=探险家; dynasty=王朝;
museum relic=馆藏文物; manuscript=手稿
of chronology=年代; empire=帝国; trade routes=商路; inscriptions=铭文; daily life=日常生活; legends=传说
economics=财经|learning
index fund=指数基金; household budget=家庭预算; stock market=股市; bond=债券; retirement plan=养老规划;
interest rate=利率; real estate=房产; insurance=保险; start-up=创业公司; tax return=报税; inflation=通货膨胀;
savings=储蓄
of risk=风险; compound growth=复利; diversification=分散投资; cash flow=现金流; valuation=估值; returns=长期回报
yoga=瑜伽|health
yoga mat=瑜伽垫; sun salutation=拜日式; breathing exercise=呼吸练习; meditation=冥想; back stretch=背部拉伸;
yoga block=瑜伽砖; balance pose=平衡体式; morning routine=晨间练习; foam roller=泡沫轴; headstand=头倒立;
hip opener=开髋; yoga retreat=瑜伽静修
of flexibility=柔韧; breath=呼吸; posture=体态; relaxation=放松; core strength=核心力量; mindfulness=正念
running=跑步|health
marathon=马拉松; running shoes=跑鞋; interval training=间歇训练; heart rate monitor=心率带; trail run=越野跑;
energy gel=能量胶; half marathon=半程马拉松; training plan=训练计划; treadmill=跑步机;
compression socks=压缩袜; night run=夜跑; relay race=接力赛
of pace=配速; endurance=耐力; recovery=恢复; stride=步幅; hydration=补水; personal best=个人最好成绩
skincare=护肤|health
sunscreen=防晒霜; face serum=精华液; moisturiser=保湿霜; cleanser=洁面乳; clay mask=泥膜; lip balm=润唇膏;
retinol=视黄醇; toner=爽肤水; eye cream=眼霜; sheet mask=面膜; body lotion=身体乳; hand cream=护手霜
of hydrating=保湿; sensitive skin=敏感肌; texture on skin=肤感; fragrance=香味; ingredients=成分; absorption=吸收
board games=桌游|leisure
card game=卡牌; dice=骰子; strategy game=策略游戏; chess=国际象棋; go board=围棋; co-op game=合作游戏;
party game=聚会游戏; miniature=微缩模型; puzzle=拼图; role-playing game=角色扮演; mahjong=麻将;
game night=桌游夜
of strategy=策略; luck=运气; replay value=重玩价值; rule book=规则书; bluffing=虚张声势; teamwork=团队配合
cinema=电影|leisure
documentary=纪录片; science fiction film=科幻片; film festival=电影节; film score=电影配乐; director=导演;
animation=动画片; film noir=黑色电影; short film=短片; screenplay=剧本; martial arts film=武侠片;
comedy=喜剧; projector=放映机
of camera work=镜头; acting=演技; plot twists=反转; dialogue=对白; editing=剪辑; atmosphere=氛围
football=足球|leisure
goalkeeper=守门员; penalty kick=点球; football boots=足球鞋; league table=积分榜; striker=前锋;
derby match=德比; transfer news=转会消息; free kick=任意球; midfielder=中场; training drill=训练课;
stadium=球场; youth academy=青训营
of passing=传球; tactics=战术; pressing=逼抢; fitness=体能; set pieces=定位球; team spirit=团队精神
"""


def _parse_pair(text: str) -> Pair:
    english, chinese = text.split("=")
    return english, chinese


def _parse_pairs(text: str) -> tuple[Pair, ...]:
    return tuple(_parse_pair(part.strip()) for part in text.split(";"))


def _parse_topics(written: str) -> tuple[Topic, ...]:
    """Parse topics: each is a line `name|department`, lines of things, and a line `of` its qualities."""
    topics = []
    head, things = "", ""
    for line in written.strip().split("\n"):
        if "|" in line:
            head, things = line, ""
        elif line.startswith("of "):
            names, department = head.split("|")
            topics.append(
                Topic(_parse_pair(names), department, _parse_pairs(things), _parse_pairs(line.removeprefix("of ")))
            )
        else:
            things += line
    return tuple(topics)


TOPICS: Final = _parse_topics(_WRITTEN)


def tabulate_words(language: str) -> tuple[npt.NDArray[np.str_], npt.NDArray[np.str_]]:
    """Things `[24, 12]` and aspects `[24, A]` of all topics; a topic with fewer than A aspects repeats some."""
    nouns = np.asarray([topic.nouns(language) for topic in TOPICS])
    most = max(len(topic.qualities) for topic in TOPICS)
    aspects = [[*topic.aspects(language), *topic.aspects(language)][:most] for topic in TOPICS]
    return nouns, np.asarray(aspects)
