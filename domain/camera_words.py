"""Chinese and English words for truths of cameras, faults of pictures, and why there was no picture."""

from __future__ import annotations

from domain.camera import Truth

TRUTH_WORDS: dict[Truth, tuple[str, str]] = {
    Truth.REACHABLE: ("网络可达", "reachable"),
    Truth.REGISTERED: ("注册在线", "registered"),
    Truth.DECODES: ("取流正常", "stream decodes"),
    Truth.GOOD: ("图像完好", "picture good"),
}

#: Faults of a picture (detectors.pictures.faults), gravest first.
FAULT_WORDS: dict[str, tuple[str, str]] = {
    "no_signal": ("无信号", "no signal"),
    "black": ("黑屏", "black"),
    "overexposed": ("过曝", "over-exposed"),
    "stripes": ("条纹", "stripes"),
    "snow": ("雪花", "snow"),
    "noise": ("噪声", "noise"),
    "covered": ("遮挡", "covered"),
    "blurred": ("模糊", "blurred"),
    "moved": ("移位", "moved"),
    "colour_cast": ("偏色", "colour cast"),
    "frozen": ("画面冻结", "frozen"),
    "no_picture": ("取不到图像", "no picture"),
}

#: Why a truth does not hold or nobody can tell, beside the faults above.
REASON_WORDS: dict[str, tuple[str, str]] = {
    "refused": ("拒绝连接", "connection refused"),
    "unresolved": ("域名无法解析", "name not found"),
    "timeout": ("超时无应答", "no answer in time"),
    "broken": ("连接中断", "connection broke off"),
    "unauthorized": ("用户名或密码错误", "user name or password refused"),
    "http": ("返回错误", "answered with an error"),
    "no_stream": ("打不开视频流", "stream does not open"),
    "no_frame": ("视频流无画面", "stream without a frame"),
    "silent": ("未推送图像", "no picture was sent"),
    "empty": ("图像为空", "empty picture"),
    "not_jpeg": ("不是图像", "no JPEG"),
    "malformed": ("图像损坏", "spoilt picture"),
    "truncated": ("图像不完整", "picture cut off"),
    "too_large": ("图像过大", "picture too large"),
    "too_small": ("图像过小", "picture too small"),
    "undecodable": ("解码失败", "the decoder gave up"),
    "behind": ("上级设备离线", "behind a dead device"),
    "site": ("整个学校失联", "the whole site is silent"),
    "returning": ("刚恢复，待确认", "coming back"),
    "stale": ("久未巡检", "not looked at for long"),
    "learning": ("正在学习", "being learnt"),
    "retired": ("已停用", "out of service"),
}


def fault_words(fault: str) -> tuple[str, str]:
    """Chinese and English for a fault or a reason; the word itself where there is none."""
    return FAULT_WORDS.get(fault) or REASON_WORDS.get(fault) or (fault, fault)
