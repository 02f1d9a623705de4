"""Places in nature. Each painter takes one of three arrangements (0, 1, 2) and the dice for what is scattered."""

from random import Random

from recipes.world.canvas import Canvas, Color, Points, between, wave

WHITE: Color = (255, 255, 255)


def paint_space(turn: int, random: Random) -> Canvas:
    canvas = Canvas((20, 14, 54), (44, 26, 94), (74, 36, 122))
    canvas.glow((14, 48, 30)[turn], (44, 16, 54)[turn], 20, (150, 70, 190), 0.5)
    canvas.dots(random, 30, (1, 1, 63, 63), 0.5, (215, 215, 255))
    canvas.dots(random, 9, (2, 2, 62, 62), 0.9, (255, 246, 210))
    x, y = ((55, 9), (9, 9), (54, 54))[turn]
    canvas.disc(x, y, 6, (244, 150, 110))
    canvas.disc(x - 1.5, y - 1.5, 3.6, (252, 184, 140))
    canvas.line([(x - 10, y + 3.4), (x + 10, y - 3.4)], (250, 222, 180), 1.2)
    return canvas


def paint_beach(turn: int, random: Random) -> Canvas:
    canvas = Canvas((96, 194, 250), (214, 242, 255))
    canvas.disc((52, 12, 32)[turn], 9, 5, (255, 244, 170))
    canvas.cloud((14, 48, 52)[turn], 12, 3.4, WHITE)
    canvas.band(27, 42, (18, 142, 190), (84, 210, 214))
    canvas.land(wave(41, 1.2, 32, turn / 3), (252, 252, 248), WHITE)
    canvas.land(wave(42.8, 1.2, 32, turn / 3), (250, 228, 168), (234, 196, 122))
    x = (7, 57, 58)[turn]
    if turn < 2:
        lean = 3 if turn == 0 else -3
        canvas.line([(x, 50), (x + lean * 0.3, 34), (x + lean, 20)], (150, 104, 62), 2)
        for dx, dy in ((-9, 2), (-7, 8), (9, 2), (7, 8), (1, -6)):
            canvas.line(
                [(x + lean, 20), (x + lean + dx * 0.6, 18 + dy * 0.2), (x + lean + dx, 20 + dy)], (44, 150, 84), 2.4
            )
    else:
        canvas.polygon([(x - 9, 38), (x + 5, 38), (x + 3, 40.5), (x - 7, 40.5)], (196, 70, 60))
        canvas.polygon([(x - 2, 24), (x - 2, 37), (x - 10, 37)], WHITE)
    return canvas


def paint_night(turn: int, random: Random) -> Canvas:
    canvas = Canvas((10, 16, 60), (30, 48, 110), (64, 88, 150))
    x = (53, 11, 50)[turn]
    canvas.glow(x, 11, 14, (150, 170, 230), 0.5)
    canvas.disc(x, 11, 6.5, (255, 246, 200))
    canvas.disc(x - 2, 9.6, 1.3, (238, 224, 170))
    canvas.disc(x + 2, 13, 1.7, (238, 224, 170))
    canvas.dots(random, 16, (2, 2, 62, 32), 0.6, (255, 250, 224))
    canvas.land(wave(44, 4, 48, 0.3 * turn), (26, 46, 82), (20, 36, 70))
    canvas.land(wave(51, 2.5, 70, 0.2 + 0.3 * turn), (34, 58, 84), (24, 44, 70))
    return canvas


def paint_snow(turn: int, random: Random) -> Canvas:
    canvas = Canvas((138, 178, 220), (206, 226, 244))
    canvas.land(wave(38, 4, 60, 0.35 * turn), (196, 216, 236), (214, 230, 244))
    for x, height in (((6, 26), (58, 20)), ((57, 28), (47, 18)), ((7, 20), (17, 14)))[turn]:
        canvas.fir(x, 46, height, (84, 130, 138))
        canvas.polygon(
            [(x - height * 0.12, 46 - height * 0.72), (x, 46 - height), (x + height * 0.12, 46 - height * 0.72)], WHITE
        )
    canvas.land(wave(45, 2, 80, 0.2 + 0.3 * turn), (244, 249, 255), (222, 236, 250))
    canvas.dots(random, 26, (1, 1, 63, 44), 0.9, WHITE)
    return canvas


def paint_forest(turn: int, random: Random) -> Canvas:
    canvas = Canvas((190, 228, 180), (224, 242, 200))
    for x in (2, 18, 34, 50, 64):
        canvas.fir(x + 4 * turn - 4, 46, 38 + (x * 7 + turn * 5) % 9, (126, 180, 130))
    for x, height in (
        ((6, 46), (58, 48), (27, 34))
        if turn == 0
        else ((10, 48), (46, 36), (62, 46))
        if turn == 1
        else ((0, 44), (20, 38), (55, 50))
    ):
        canvas.fir(x, 49, height, (46, 112, 74))
    canvas.land(wave(45, 0.8, 40, turn / 3), (98, 160, 78), (62, 120, 56))
    for x in ((12, 52), (8, 44), (24, 58))[turn]:
        canvas.disc(x, 55, 1.2, (196, 70, 60), 0.9)
        canvas.box(x - 0.4, 55, x + 0.4, 57, (244, 236, 214))
    return canvas


def paint_desert(turn: int, random: Random) -> Canvas:
    canvas = Canvas((252, 182, 110), (255, 230, 176))
    canvas.disc((51, 13, 32)[turn], 12, 6, (255, 248, 214))
    canvas.land(wave(37, 5, 64, 0.1 + 0.4 * turn), (236, 172, 100), (222, 150, 80))
    canvas.land(wave(45, 3.5, 80, 0.6 + 0.4 * turn), (224, 152, 82), (198, 120, 58))
    x = (6, 57, 8)[turn]
    green = (92, 142, 84)
    canvas.box(x - 1.6, 26, x + 1.6, 48, green, 1.6)
    canvas.line([(x, 40), (x + 4.6, 40), (x + 4.6, 33)], green, 2.2)
    canvas.line([(x, 37), (x - 4.6, 37), (x - 4.6, 31)], green, 2.2)
    return canvas


def paint_underwater(turn: int, random: Random) -> Canvas:
    canvas = Canvas((78, 196, 226), (22, 126, 186), (10, 78, 146))
    for x in ((10, 40), (26, 54), (4, 32))[turn]:
        canvas.polygon([(x, 0), (x + 9, 0), (x + 3, 52), (x - 10, 52)], (64, 176, 214))
    canvas.land(wave(55, 2, 60, 0.3 * turn), (214, 192, 138), (190, 162, 108))
    for x, height in (((4, 20), (9, 13), (59, 17)), ((58, 22), (53, 14), (6, 12)), ((3, 14), (61, 22), (55, 12)))[turn]:
        canvas.line([(x + (1.4 if n % 2 else -1.4), 58 - height * n / 5) for n in range(6)], (38, 150, 104), 2)
    for x in ((54,), (12,), (12,))[turn]:
        for dx in (-3, 0, 3):
            canvas.line([(x, 58), (x + dx, 50)], (240, 110, 120), 1.8)
            canvas.disc(x + dx, 50, 1.3, (240, 110, 120))
    for _ in range(8):
        canvas.disc(
            random.choice((random.uniform(3, 14), random.uniform(50, 61))),
            random.uniform(4, 44),
            random.uniform(0.8, 1.9),
            (190, 234, 248),
        )
    return canvas


def paint_sunset(turn: int, random: Random) -> Canvas:
    canvas = Canvas((96, 50, 140), (238, 96, 112), (255, 200, 96))
    canvas.band(0, 20, (96, 50, 140), (222, 82, 118))
    canvas.band(20, 42, (222, 82, 118), (255, 196, 90))
    x = (32, 14, 50)[turn]
    canvas.glow(x, 40, 22, (255, 230, 150), 0.6)
    canvas.disc(x, 41, 12, (255, 240, 160))
    for y, left, width in ((9, 6, 18), (15, 40, 18), (24, 2, 12)):
        canvas.box(left, y, left + width, y + 1.8, between((222, 82, 118), (255, 170, 140), y / 30), 0.9)
    canvas.band(42, 64, (160, 66, 112), (70, 36, 98))
    for y, half in ((44, 10), (48, 7), (52, 5), (56, 3)):
        canvas.box(x - half, y, x + half, y + 1.5, (255, 204, 124), 0.7)
    return canvas


def paint_field(turn: int, random: Random) -> Canvas:
    canvas = Canvas((104, 190, 250), (216, 242, 255))
    canvas.cloud((12, 50, 14)[turn], (11, 12, 15)[turn], 3.6, WHITE)
    canvas.cloud((50, 20, 48)[turn], (17, 19, 9)[turn], 2.6, WHITE)
    canvas.land(wave(36, 4, 64, 0.1 + 0.3 * turn), (152, 212, 92), (120, 196, 72))
    canvas.land(wave(44, 3, 74, 0.55 + 0.3 * turn), (126, 200, 72), (84, 162, 50))
    canvas.dots(random, 7, (2, 49, 62, 63), 1.0, (255, 250, 214))
    canvas.dots(random, 5, (2, 49, 62, 63), 1.0, (252, 206, 80))
    return canvas


def paint_sky(turn: int, random: Random) -> Canvas:
    canvas = Canvas((62, 150, 238), (120, 194, 250), (196, 230, 255))
    clouds = (
        ((9, 12, 4.6), (55, 24, 4.0), (10, 50, 4.2), (52, 57, 5.0)),
        ((54, 10, 5.0), (8, 28, 3.8), (55, 46, 4.2), (13, 58, 5.0)),
        ((30, 7, 4.2), (58, 30, 3.6), (6, 40, 4.2), (44, 59, 5.2)),
    )[turn]
    for x, y, r in clouds:
        canvas.cloud(x, y + 0.8, r, (214, 234, 252))
        canvas.cloud(x, y, r, WHITE)
    return canvas


def paint_mountains(turn: int, random: Random) -> Canvas:
    canvas = Canvas((136, 198, 244), (228, 242, 252))
    peaks = (((14, 10), (50, 6), (32, 20)), ((30, 6), (6, 18), (56, 14)), ((54, 8), (18, 7), (38, 22)))[turn]
    for (x, y), color in zip(peaks, ((112, 130, 164), (94, 112, 148), (130, 146, 176)), strict=True):
        canvas.polygon([(x - 25, 48), (x, y), (x + 25, 48)], color)
        canvas.polygon([(x, y), (x + 25, 48), (x + 7, 48)], between(color, (40, 50, 90), 0.16))
        snow = [(x - 6, y + 9), (x, y), (x + 6, y + 9), (x + 2.5, y + 7.4), (x, y + 10), (x - 2.5, y + 7.4)]
        canvas.polygon(snow, (250, 252, 255))
    canvas.land(wave(45, 1.6, 64, 0.3 * turn), (140, 188, 104), (92, 146, 72))
    return canvas


def paint_jungle(turn: int, random: Random) -> Canvas:
    canvas = Canvas((150, 214, 150), (206, 236, 160))
    for x in ((6, 26, 46), (16, 36, 58), (2, 32, 54))[turn]:
        canvas.box(x - 2, 8, x + 2, 50, (112, 140, 92))
    canvas.land(wave(36, 3, 20, 0.3 * turn), (74, 156, 92), (50, 122, 72))
    canvas.land(wave(45, 1.2, 36, 0.3 * turn), (70, 140, 66), (44, 104, 54))
    for x, y, aim in ((0, 6, 1), (64, 4, -1), (0, 30, 1), (64, 34, -1)):
        for dx, dy in ((13, -5), (15, 3), (11, 10)):
            leaf = (x + aim * dx, y + dy)
            side = (x + aim * (dx * 0.5 - dy * 0.16), y + dy * 0.5 + dx * 0.22)
            other = (x + aim * (dx * 0.5 + dy * 0.16), y + dy * 0.5 - dx * 0.22)
            canvas.polygon([(x, y), side, leaf, other], (30, 110, 62) if (dy + turn) % 2 else (40, 132, 70))
            canvas.line([(x, y), leaf], (86, 170, 96), 0.5)
    for x in ((22, 44), (14, 50), (30, 56))[turn]:
        canvas.line([(x, 0), (x - 1, 7), (x + 1, 13 + x % 5)], (46, 116, 58), 1.2)
    return canvas


def paint_moon(turn: int, random: Random) -> Canvas:
    canvas = Canvas((8, 8, 24), (22, 22, 48))
    canvas.dots(random, 26, (1, 1, 63, 38), 0.5, (235, 235, 255))
    x = (52, 12, 33)[turn]
    canvas.disc(x, 11, 7, (54, 128, 214))
    canvas.disc(x - 2, 9, 3, (92, 180, 100), 2)
    canvas.disc(x + 2.6, 13.4, 2.2, (92, 180, 100), 1.6)
    canvas.land(wave(41, 1.8, 60, 0.35 * turn), (206, 206, 212), (158, 158, 168))
    for dx, y, r in ((8, 47, 5), (50, 50, 6), (30, 60, 6), (62, 60, 4)):
        at = (dx + 14 * turn) % 64
        canvas.disc(at, y, r, (138, 138, 150), r * 0.36)
        canvas.disc(at, y + 0.5, r * 0.86, (178, 178, 188), r * 0.26)
    return canvas


def paint_volcano(turn: int, random: Random) -> Canvas:
    canvas = Canvas((60, 30, 56), (150, 56, 60), (240, 132, 74))
    x = (32, 18, 46)[turn]
    for dx, y, r in ((0, 6, 5), (-6, 3, 4.4), (7, 2, 5)):
        canvas.disc(x + dx, y, r, (92, 70, 86))
    canvas.glow(x, 14, 13, (255, 170, 60), 0.8)
    for dx in (-7, -3, 0, 3, 7):
        canvas.line([(x, 17), (x + dx * 0.6, 8 + abs(dx) * 0.3), (x + dx, 11 + abs(dx))], (255, 196, 70), 1.1)
    canvas.polygon([(x - 33, 48), (x - 6, 16), (x + 6, 16), (x + 33, 48)], (74, 50, 62))
    canvas.polygon([(x + 2, 16), (x + 6, 16), (x + 33, 48), (x + 12, 48)], (58, 38, 52))
    lava: Points = [
        (x - 6, 16),
        (x + 6, 16),
        (x + 4, 22),
        (x + 7, 32),
        (x + 3, 44),
        (x + 1, 32),
        (x - 2, 26),
        (x - 5, 34),
        (x - 4, 22),
    ]
    canvas.polygon(lava, (250, 104, 34))
    canvas.polygon([(x - 4, 16), (x + 4, 16), (x + 1, 24), (x - 2, 21)], (255, 206, 80))
    canvas.land(wave(46, 1, 30, 0.3 * turn), (98, 66, 70), (66, 44, 54))
    for left in ((2, 46), (44, 10), (8, 50))[turn]:
        canvas.line([(left, 52), (left + 5, 54), (left + 12, 53)], (246, 110, 40), 1.3)
    return canvas


def paint_rain(turn: int, random: Random) -> Canvas:
    canvas = Canvas((92, 112, 140), (140, 158, 180), (172, 186, 200))
    for x, y, r in ((10, 6, 6), (32, 4, 6.4), (54, 7, 6)):
        canvas.cloud(x + 5 * turn - 5, y, r, (74, 88, 112))
    for row in range(5):
        for column in range(8):
            x, y = column * 8 + (row % 2) * 4 + 2 + turn, 14 + row * 7
            canvas.line([(x + 1, y), (x - 0.6, y + 4)], (196, 220, 244), 0.8)
    canvas.land(wave(45, 0.5, 50, 0), (104, 122, 138), (84, 100, 118))
    for x, y, r in ((12, 52, 8), (48, 57, 10), (34, 49, 5)):
        at = (x + 17 * turn) % 64
        canvas.disc(at, y, r, (148, 174, 200), r * 0.28)
        canvas.disc(at, y, r * 0.6, (186, 206, 226), r * 0.14)
    return canvas


def paint_rainbow(turn: int, random: Random) -> Canvas:
    canvas = Canvas((120, 196, 246), (220, 242, 255))
    x = (32, 24, 40)[turn]
    arcs = ((236, 70, 70), (248, 150, 50), (252, 222, 80), (96, 196, 96), (72, 140, 232), (146, 90, 206))
    for number, color in enumerate(arcs):
        canvas.disc(x, 46, 40 - 2.7 * number, color)
    canvas.disc(x, 46, 40 - 2.7 * len(arcs), (200, 232, 252))
    canvas.land(wave(43, 1.6, 70, 0.25 * turn), (146, 210, 96), (92, 172, 62))
    for at in (x - 33, x + 33):
        canvas.cloud(at, 40, 4, WHITE)
    return canvas


def paint_lake(turn: int, random: Random) -> Canvas:
    canvas = Canvas((146, 206, 246), (226, 242, 250))
    canvas.land(wave(22, 5, 46, 0.1 + 0.37 * turn), (128, 166, 178), (128, 166, 178))
    canvas.land(wave(29, 1.4, 13, 0.3 * turn), (66, 132, 92), (66, 132, 92))
    canvas.band(32, 52, (118, 190, 224), (54, 138, 196))
    for y, x in ((36, 8), (40, 44), (44, 16), (38, 28), (47, 50)):
        at = (x + 19 * turn) % 56
        canvas.box(at, y, at + 9, y + 0.9, (186, 226, 244), 0.4)
    canvas.land(wave(50, 1.4, 64, 0.1 + 0.3 * turn), (130, 192, 86), (92, 158, 62))
    for dx in (0, 2.4, 4.8):
        x = (3, 57, 56)[turn] + dx
        canvas.line([(x, 54), (x, 38 + dx)], (86, 132, 62), 0.8)
        canvas.box(x - 0.8, 36 + dx, x + 0.8, 41 + dx, (120, 80, 48), 0.8)
    return canvas


def paint_cave(turn: int, random: Random) -> Canvas:
    canvas = Canvas((74, 62, 76), (112, 94, 104))
    x = (32, 18, 46)[turn]
    canvas.disc(x, 32, 20, (150, 126, 126), 22)
    canvas.disc(x, 34, 14, (206, 176, 150), 17)
    canvas.disc(x, 36, 8.5, (250, 226, 180), 11)
    for at, length, wide in ((4, 20, 5), (13, 12, 4), (24, 9, 3.4), (38, 11, 4), (49, 15, 4.4), (59, 22, 5)):
        shade = (58, 48, 62) if (at + turn) % 2 else (68, 56, 70)
        size = length - 3 * ((at + turn) % 3)
        canvas.polygon([(at - wide, 0.0), (at + wide, 0.0), (at + 0.5, size)], shade)
    canvas.land(wave(44, 1.4, 34, 0.3 * turn), (122, 102, 104), (86, 70, 80))
    for at, height in ((3, 14), (61, 17), (56, 9)):
        canvas.polygon([(at - 4, 52), (at, 52 - height), (at + 4, 52)], (70, 58, 72))
    for at in ((9, 50), (52, 14), (8, 57))[turn]:
        canvas.polygon([(at - 2, 56), (at - 1, 50), (at + 0.6, 48), (at + 2.2, 56)], (120, 214, 224))
    return canvas
