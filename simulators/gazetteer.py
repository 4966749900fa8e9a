"""The made-up district on paper: its townships, the words its schools are named with, the places in a school.

No name here is meant to be a real school, person or telephone.
"""

from __future__ import annotations

from typing import Final

import msgspec

from domain.device import DeviceKind
from domain.site import SiteKind


class Township(msgspec.Struct, frozen=True):
    """Longitude and latitude of its centre, degrees WGS 84."""

    name: str
    name_en: str
    longitude: float
    latitude: float


TOWNSHIPS: Final = (
    Township("望湖街道", "Wanghu", 119.950, 31.700),
    Township("星湖街道", "Xinghu", 119.985, 31.722),
    Township("锦河街道", "Jinhe", 119.912, 31.718),
    Township("云渡镇", "Yundu", 119.868, 31.745),
    Township("柳塘镇", "Liutang", 119.842, 31.690),
    Township("青禾镇", "Qinghe", 119.870, 31.640),
    Township("白鹭镇", "Bailu", 119.925, 31.612),
    Township("梅浦镇", "Meipu", 119.988, 31.618),
    Township("双桥镇", "Shuangqiao", 120.045, 31.645),
    Township("竹湾镇", "Zhuwan", 120.068, 31.698),
    Township("南渚镇", "Nanzhu", 120.010, 31.570),
    Township("北泽镇", "Beize", 120.022, 31.772),
)

#: What a school is called by: characters and their romanisation.
STEMS: Final = (
    ("明德", "Mingde"), ("滨河", "Binhe"), ("星光", "Xingguang"), ("育英", "Yuying"), ("启明", "Qiming"),
    ("博文", "Bowen"), ("弘毅", "Hongyi"), ("致远", "Zhiyuan"), ("新蕾", "Xinlei"), ("晨曦", "Chenxi"),
    ("春晖", "Chunhui"), ("文澜", "Wenlan"), ("清源", "Qingyuan"), ("崇文", "Chongwen"), ("立德", "Lide"),
    ("思齐", "Siqi"), ("向阳", "Xiangyang"), ("金桥", "Jinqiao"), ("东林", "Donglin"), ("西园", "Xiyuan"),
    ("南苑", "Nanyuan"), ("北辰", "Beichen"), ("翠竹", "Cuizhu"), ("红梅", "Hongmei"), ("紫藤", "Ziteng"),
    ("蓝天", "Lantian"), ("七彩", "Qicai"), ("童心", "Tongxin"), ("小天鹅", "Xiaotian'e"),
    ("雏鹰", "Chuying"), ("学府", "Xuefu"), ("雅苑", "Yayuan"), ("景行", "Jingxing"), ("知行", "Zhixing"),
    ("求真", "Qiuzhen"), ("勤勉", "Qinmian"), ("和畅", "Hechang"), ("乐群", "Lequn"), ("尚美", "Shangmei"),
    ("嘉禾", "Jiahe"),
)  # fmt: skip

#: How often each kind of school occurs, its suffix, what a branch of it is called.
SCHOOLS: Final[tuple[tuple[SiteKind, int, str, str, str, str], ...]] = (
    (SiteKind.KINDERGARTEN, 36, "幼儿园", "Kindergarten", "分园", "Branch"),
    (SiteKind.PRIMARY, 34, "小学", "Primary School", "分校", "Branch"),
    (SiteKind.MIDDLE, 14, "中学", "Middle School", "分校", "Branch"),
    (SiteKind.NINE_YEAR, 7, "九年一贯制学校", "Nine-Year School", "分校", "Branch"),
    (SiteKind.HIGH, 5, "高级中学", "High School", "分校", "Branch"),
    (SiteKind.VOCATIONAL, 3, "职业技术学校", "Vocational School", "分校", "Branch"),
    (SiteKind.SPECIAL, 1, "特殊教育学校", "Special Education School", "分校", "Branch"),
)

BRANCH_WORDS: Final = (
    ("东", "East"), ("西", "West"), ("南", "South"), ("北", "North"), ("河东", "Hedong"),
    ("桥西", "Qiaoxi"), ("湖滨", "Hubin"), ("新村", "Xincun"), ("老街", "Laojie"), ("花园", "Huayuan"),
)  # fmt: skip
TEACHING_POINT_WORDS: Final = (
    ("前村", "Qiancun"), ("后塘", "Houtang"), ("石桥", "Shiqiao"), ("大圩", "Dawei"), ("陆家", "Lujia"),
    ("沈庄", "Shenzhuang"), ("柿树", "Shishu"), ("河湾", "Hewan"),
)  # fmt: skip

ROADS: Final = (
    "学府路", "文明路", "青云路", "书香路", "滨河路", "长虹路", "人民路", "向阳街", "桃园路", "丰收路",
    "育才巷", "杏坛路",
)  # fmt: skip
SURNAMES: Final = "赵钱孙李周吴郑王陈褚卫蒋沈韩杨朱秦许何吕张孔曹严华金魏陶姜谢"
GIVEN_NAMES: Final = (
    "守安",
    "佑宁",
    "知平",
    "常宁",
    "安之",
    "慧平",
    "卫平",
    "静安",
    "怀瑾",
    "思宁",
    "永康",
    "育新",
)

_FLOORS: Final = ("一层", "二层", "三层", "四层")

#: Where the kitchen's warm air is: the only places that `simulators.behaviour` knows by name.
KITCHEN: Final = "食堂操作间"

_CAMERA_PLACES: Final = (
    "门卫室", "校门外东侧", "校门外西侧", "正门通道", "侧门", "操场东侧", "操场西侧", "操场主席台",
    "停车场", "自行车棚", "食堂大厅", KITCHEN, "食堂储藏室", "食堂后门", "图书馆", "行政楼大厅",
    "财务室门口", "机房门口", "配电房", "垃圾房",
    *(f"教学楼{floor}{part}" for floor in _FLOORS for part in ("东走廊", "西走廊", "中厅", "东楼梯口", "西楼梯口")),
    *(f"综合楼{floor}{part}" for floor in _FLOORS for part in ("走廊", "楼梯口")), "东围墙北段",
    "东围墙南段", "西围墙北段", "西围墙南段", "北围墙", "南围墙",
)  # fmt: skip
_BOARDING: Final = ("宿舍一层走廊", "宿舍二层走廊", "宿舍三层走廊", "宿舍大厅", "宿舍楼门口", "宿舍后侧")
_DAY: Final = ("体育馆", "音乐教室", "美术教室", "心理咨询室", "会议室", "报告厅")
_SMOKE_PLACES: Final = (
    KITCHEN, "食堂大厅", "食堂储藏室", "配电房", "机房", "图书馆", "档案室", "仓库", "行政楼走廊",
    "综合楼一层走廊", "综合楼二层走廊", "综合楼三层走廊", "门卫室",
    *(f"教学楼{floor}{part}" for floor in _FLOORS[:3] for part in ("东走廊", "西走廊")),
)  # fmt: skip
_TEMPERATURE_PLACES: Final = (
    KITCHEN, "食堂储藏室", "配电房", "机房", "图书馆", "仓库", "教学楼一层中厅", "综合楼一层走廊", "档案室",
    "电动车充电棚",
)  # fmt: skip
_BOARDING_TEMPERATURE_PLACES: Final = (
    *_TEMPERATURE_PLACES[:7], "宿舍二层走廊", *_TEMPERATURE_PLACES[8:],
)  # fmt: skip

#: Key places (重要部位): their cameras have to be networked with police and education.
KEY_PLACES: Final = frozenset({"门卫室", "正门通道", "侧门", KITCHEN, "财务室门口", "机房门口", "配电房"})

#: What stands at every site: kind, the word in the device's id, how many, what its name ends with.
EQUIPMENT: Final[tuple[tuple[DeviceKind, str, int, str], ...]] = (
    (DeviceKind.GATEWAY, "gw", 1, "网关"),
    (DeviceKind.CAMERA, "cam", 59, "摄像机"),
    (DeviceKind.SMOKE, "smk", 25, "烟感"),
    (DeviceKind.TEMPERATURE, "tmp", 10, "温度传感器"),
    (DeviceKind.ONE_KEY_ALARM, "btn", 5, "一键报警"),
    (DeviceKind.INTRUSION_ZONE, "zone", 3, "入侵防区"),
    (DeviceKind.ACCESS_CONTROL, "door", 2, "门禁"),
    (DeviceKind.PATROL_POINT, "pat", 2, "巡更点"),
    (DeviceKind.BARRIER, "bar", 1, "升降柱"),
)
DEVICES_PER_SITE: Final = sum(count for _, _, count, _ in EQUIPMENT)


def places(kind: DeviceKind, site: SiteKind) -> tuple[str, ...]:
    """The places of a site's devices of this kind, in the order of their numbers."""
    small = site in (SiteKind.KINDERGARTEN, SiteKind.TEACHING_POINT)
    rooms = ("午睡室", "活动室", "舞蹈室", "保健室", "绘本室", "家长接待室") if small else (
        _BOARDING if site in (SiteKind.HIGH, SiteKind.VOCATIONAL, SiteKind.MIDDLE) else _DAY
    )  # fmt: skip
    return {
        DeviceKind.GATEWAY: ("弱电间",),
        DeviceKind.CAMERA: (*_CAMERA_PLACES, *rooms),
        DeviceKind.SMOKE: (*_SMOKE_PLACES, *rooms),
        DeviceKind.TEMPERATURE: _BOARDING_TEMPERATURE_PLACES if rooms is _BOARDING else _TEMPERATURE_PLACES,
        DeviceKind.ONE_KEY_ALARM: (
            "门卫室",
            "园长室" if small else "校长室",
            "教学楼一层中厅",
            "食堂大厅",
            "操场主席台",
        ),
        DeviceKind.INTRUSION_ZONE: ("东围墙", "西围墙", "财务室"),
        DeviceKind.ACCESS_CONTROL: ("正门", "侧门"),
        DeviceKind.PATROL_POINT: ("教学楼一层中厅", "配电房"),
        DeviceKind.BARRIER: ("正门",),
    }[kind]
