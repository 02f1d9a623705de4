"""Places that people made. Each painter takes one of three arrangements (0, 1, 2) and dice for what is scattered."""

from random import Random

from recipes.world.canvas import Canvas, Color, between, wave

WHITE: Color = (255, 255, 255)


def paint_city(turn: int, random: Random) -> Canvas:
    canvas = Canvas((164, 206, 240), (236, 240, 240))
    shades: tuple[Color, ...] = ((112, 128, 158), (138, 152, 180), (94, 110, 144), (126, 142, 172))
    tops = ((18, 28, 10, 24, 14, 26), (10, 22, 30, 14, 26, 8), (26, 12, 22, 32, 8, 20))[turn]
    for number, y in enumerate(tops):
        x, color = number * 10.7, shades[(number + turn) % 4]
        canvas.box(x, y, x + 10.8, 48, color)
        canvas.box(x + 9, y, x + 10.8, 48, between(color, (30, 40, 80), 0.2))
        for row in range(y + 3, 44, 5):
            for column in (x + 1.8, x + 5.4):
                canvas.box(column, row, column + 2.2, row + 2.6, (252, 234, 164))
    canvas.box(0, 46, 64, 50, (190, 194, 200))
    canvas.band(49, 64, (96, 98, 108), (78, 80, 90))
    for x in (0, 16, 32, 48):
        canvas.box(x + 3, 56, x + 11, 57.4, (244, 242, 228))
    return canvas


def paint_kitchen(turn: int, random: Random) -> Canvas:
    canvas = Canvas((250, 244, 228), (250, 244, 228))
    for row in range(4):
        for column in range(9):
            x, y = column * 8 - (row % 2) * 4, 12 + row * 6
            shade: Color = (214, 236, 232) if (row + column) % 3 else (196, 226, 224)
            canvas.box(x + 0.4, y + 0.4, x + 7.6, y + 5.6, shade, 0.5)
    left = (0, 40, 0)[turn]
    for x in (left, left + 12):
        canvas.box(x + 0.5, 0, x + 11.5, 13, (92, 168, 162), 1)
        canvas.box(x + 2, 1.5, x + 10, 11.5, (112, 186, 178), 0.8)
        canvas.disc(x + 9, 9.5, 0.8, (250, 240, 210))
    x = (52, 10, 50)[turn]
    canvas.line([(x, 0), (x, 7)], (90, 90, 96), 0.7)
    canvas.polygon([(x - 2, 7), (x + 2, 7), (x + 6, 13), (x - 6, 13)], (244, 170, 60))
    x = (57, 7, 40)[turn]
    canvas.box(x - 4, 27, x + 4, 36, (222, 84, 72), 1)
    canvas.box(x - 5, 25.6, x + 5, 27.6, (180, 62, 56), 0.8)
    canvas.box(0, 35, 64, 39, (176, 122, 78))
    canvas.box(0, 38, 64, 48, (92, 168, 162))
    for column in (0, 16, 32, 48):
        canvas.box(column + 1, 39.5, column + 15, 47, (112, 186, 178), 0.8)
        canvas.box(column + 6, 40.8, column + 10, 41.8, (250, 240, 210), 0.5)
    canvas.band(48, 64, (236, 222, 198), (222, 204, 176))
    for column in range(-4, 9):
        canvas.line([(column * 8 + 16, 48), ((column - 2) * 14 + 32, 64)], (208, 188, 160), 0.5)
    canvas.box(0, 55, 64, 55.5, (208, 188, 160))
    return canvas


def paint_living_room(turn: int, random: Random) -> Canvas:
    canvas = Canvas((246, 226, 196), (246, 226, 196))
    for x in range(0, 64, 8):
        canvas.box(x, 0, x + 4, 46, (242, 218, 184))
    x = (46, 6, 25)[turn]
    canvas.box(x - 1, 5, x + 15, 23, WHITE, 0.6)
    canvas.box(x + 0.4, 6.4, x + 13.6, 21.6, (150, 212, 246))
    canvas.box(x + 6.5, 6, x + 7.5, 22, WHITE)
    x = (8, 44, 5)[turn]
    canvas.box(x - 1, 7, x + 13, 19, (140, 92, 56))
    canvas.box(x + 0.4, 8.4, x + 11.6, 17.6, (250, 240, 220))
    canvas.polygon([(x + 1, 17.5), (x + 5, 11.5), (x + 8, 15), (x + 9.5, 13.5), (x + 11.5, 17.5)], (104, 170, 120))
    canvas.band(44, 64, (196, 144, 96), (172, 120, 76))
    canvas.box(0, 43, 64, 45, WHITE)
    left = (-6, 22, 36)[turn]
    canvas.box(left, 26, left + 34, 44, (74, 132, 148), 3)
    canvas.box(left - 3, 32, left + 4, 48, (60, 114, 132), 2.6)
    canvas.box(left + 30, 32, left + 37, 48, (60, 114, 132), 2.6)
    canvas.box(left + 3, 37, left + 31, 46, (94, 154, 168), 2)
    x = (56, 8, 9)[turn]
    canvas.line([(x, 30), (x, 50)], (90, 72, 60), 1)
    canvas.glow(x, 30, 10, (255, 246, 190), 0.5)
    canvas.polygon([(x - 3, 24), (x + 3, 24), (x + 6, 32), (x - 6, 32)], (252, 214, 110))
    canvas.disc(32, 58, 27, (206, 92, 84), 5)
    canvas.disc(32, 58, 22, (234, 150, 120), 3.6)
    return canvas


def paint_road(turn: int, random: Random) -> Canvas:
    canvas = Canvas((110, 190, 246), (222, 240, 250))
    canvas.cloud((12, 50, 34)[turn], 10, 3.4, WHITE)
    canvas.land(wave(30, 3, 50, 0.3 * turn), (130, 184, 130), (110, 170, 110))
    canvas.land(wave(34, 0.4, 60, 0), (140, 204, 90), (96, 166, 62))
    x = (32, 26, 38)[turn]
    canvas.polygon([(x - 2.4, 34), (x + 2.4, 34), (68, 64), (-4, 64)], (92, 96, 106))
    for side in (-1, 1):
        edge = 32 + side * 34
        inner = 32 + side * 31
        canvas.polygon([(x + side * 2.0, 34), (x + side * 2.4, 34), (edge, 64), (inner, 64)], (244, 244, 238))
    for y0, y1 in ((36, 38), (40.5, 44), (48, 53), (58, 64)):
        a, b = ((y - 34) / 30 for y in (y0, y1))
        middle = [x + (32 - x) * share for share in (a, b)]
        wide = [0.3 + 1.7 * share for share in (a, b)]
        corners = [(middle[0] - wide[0], y0), (middle[0] + wide[0], y0), (middle[1] + wide[1], y1)]
        canvas.polygon([*corners, (middle[1] - wide[1], y1)], (250, 208, 76))
    for at, height in (((7, 20), (57, 16)), ((57, 20), (49, 13)), ((5, 15), (14, 12)))[turn]:
        canvas.tree(at, 42, height, (66, 142, 76), (96, 172, 92))
    return canvas


def paint_garden(turn: int, random: Random) -> Canvas:
    canvas = Canvas((140, 208, 250), (226, 244, 252))
    for x in ((4, 20, 44, 60), (10, 30, 52), (0, 16, 36, 58))[turn]:
        canvas.disc(x, 32, 11, (84, 164, 84), 12)
        canvas.disc(x - 3, 28, 6, (110, 188, 100))
    for x in range(0, 64, 6):
        canvas.polygon([(x + 0.8, 46), (x + 0.8, 28), (x + 3, 25.4), (x + 5.2, 28), (x + 5.2, 46)], WHITE)
    for y in (31, 40):
        canvas.box(0, y, 64, y + 2, (234, 238, 242))
    canvas.band(45, 64, (134, 204, 86), (92, 168, 60))
    flowers: tuple[Color, ...] = ((236, 70, 92), (250, 196, 60), (178, 100, 220), (250, 130, 180))
    for number, x in enumerate(range(3, 64, 6)):
        color = flowers[(number + turn) % 4]
        top = 41 + (number * 5 + turn) % 4
        canvas.line([(x, 50), (x, top)], (60, 138, 62), 0.9)
        for dx, dy in ((-1.2, 0), (1.2, 0), (0, -1.2), (0, 1.2)):
            canvas.disc(x + dx, top + dy, 1.3, color)
        canvas.disc(x, top, 0.9, (255, 240, 170))
    return canvas


def paint_farm(turn: int, random: Random) -> Canvas:
    canvas = Canvas((130, 200, 248), (230, 242, 246))
    canvas.land(wave(34, 2.4, 60, 0.3 * turn), (176, 214, 106), (150, 196, 86))
    x = (14, 48, 12)[turn]
    red: Color = (200, 62, 54)
    canvas.polygon([(x - 13, 22), (x - 8, 12), (x, 7), (x + 8, 12), (x + 13, 22)], (112, 62, 56))
    canvas.polygon(
        [(x - 11, 44), (x - 11, 21), (x - 7, 13.6), (x, 9.4), (x + 7, 13.6), (x + 11, 21), (x + 11, 44)], red
    )
    canvas.box(x - 5, 28, x + 5, 44, WHITE)
    canvas.box(x - 4, 29, x + 4, 44, (150, 44, 42))
    for a, b in (((x - 4, 29), (x + 4, 44)), ((x + 4, 29), (x - 4, 44))):
        canvas.line([a, b], WHITE, 1)
    canvas.box(x - 2.4, 15, x + 2.4, 20, WHITE)
    x = (34, 29, 57)[turn] if turn < 2 else 32
    canvas.box(x - 3.4, 18, x + 3.4, 44, (206, 212, 220))
    canvas.disc(x, 18, 3.4, (150, 160, 176))
    canvas.band(42, 64, (206, 190, 104), (176, 152, 76))
    for row, y in enumerate((46, 51, 57)):
        for column in range(-1, 9):
            at = column * 8 + row * 3 + turn * 2
            canvas.line([(at, y + 2), (at + 1, y)], (232, 214, 130), 1)
    for at in ((44, 56), (2, 14), (46, 58))[turn]:
        canvas.disc(at, 42, 5, (230, 186, 84))
        canvas.disc(at, 42, 3, (210, 160, 64))
        canvas.disc(at, 42, 1.3, (230, 186, 84))
    return canvas


def paint_stage(turn: int, random: Random) -> Canvas:
    canvas = Canvas((48, 18, 44), (84, 26, 60))
    beams = ((32,), (16, 48), (24, 40))[turn]
    for x in beams:
        canvas.polygon(
            [(x - 2, 0), (x + 2, 0), (32 + (x - 32) * 0.3 + 17, 54), (32 + (x - 32) * 0.3 - 17, 54)], (136, 76, 96)
        )
    canvas.glow(32, 40, 18, (255, 222, 160), 0.45)
    canvas.band(47, 64, (188, 126, 76), (140, 86, 52))
    for y in (51, 56.5):
        canvas.box(0, y, 64, y + 0.5, (128, 78, 48))
    canvas.disc(32, 56, 25, (240, 194, 130), 5.6)
    for side in (0, 1):
        for fold in range(4):
            x0, x1 = fold * 3.2, fold * 3.2 + 3.3
            shade: Color = (176, 28, 44) if fold % 2 else (208, 44, 54)
            canvas.box(x0 if not side else 64 - x1, 0, x1 if not side else 64 - x0, 52 - fold, shade)
    for number in range(8):
        canvas.disc(number * 8 + 4, 3, 4.4, (208, 44, 54) if number % 2 else (176, 28, 44), 6.4)
    canvas.box(0, 0, 64, 2, (240, 190, 80))
    return canvas


def paint_graveyard(turn: int, random: Random) -> Canvas:
    canvas = Canvas((34, 38, 74), (74, 84, 120), (122, 134, 150))
    x = (50, 13, 34)[turn]
    canvas.glow(x, 13, 14, (190, 200, 220), 0.4)
    canvas.disc(x, 13, 8, (238, 236, 206))
    branch: Color = (30, 28, 44)
    x = (6, 58, 59)[turn]
    lean = 1 if x < 32 else -1
    canvas.line([(x, 50), (x + lean, 32), (x + lean * 3, 14)], branch, 2.2)
    for y, dx, dy in ((34, 9, -7), (28, -7, -8), (22, 10, -7)):
        canvas.line([(x + lean * 1.4, y), (x + lean * dx, y + dy), (x + lean * dx * 1.3, y + dy - 4)], branch, 1.1)
    canvas.land(wave(42, 1.8, 50, 0.3 * turn), (76, 96, 92), (50, 68, 70))
    stones = (
        ((20, 38, 5), (57, 40, 6), (40, 36, 4)),
        ((8, 40, 6), (44, 38, 5), (27, 36, 4)),
        ((8, 40, 6), (24, 37, 4), (45, 38, 5)),
    )
    for at, top, half in stones[turn]:
        top -= 8
        canvas.disc(at, top + half, half, (150, 154, 166))
        canvas.box(at - half, top + half, at + half, top + half * 3.2, (150, 154, 166))
        canvas.box(at - 0.7, top + half * 0.5, at + 0.7, top + half * 2.2, (96, 100, 116))
        canvas.box(at - half * 0.5, top + half * 0.9, at + half * 0.5, top + half * 0.9 + 1.4, (96, 100, 116))
        canvas.disc(at, top + half * 3.2, half * 1.4, (58, 78, 76), 1.2)
    return canvas


def paint_library(turn: int, random: Random) -> Canvas:
    canvas = Canvas((112, 70, 46), (112, 70, 46))
    spines: tuple[Color, ...] = ((172, 70, 60), (64, 106, 128), (206, 156, 80), (80, 122, 94), (124, 86, 122))
    for shelf, top in enumerate((1, 16, 31)):
        canvas.box(0, top, 64, top + 13, (74, 46, 34))
        for number in range(16):
            color = spines[(number * 3 + shelf * 2 + turn + number // 5) % 5]
            x, height = number * 4, (12, 10, 12, 11)[(number + shelf + turn) % 4]
            canvas.box(x, top + 13 - height, x + 3.7, top + 13, color, 0.3)
            canvas.box(x, top + 10, x + 3.7, top + 11, between(color, (255, 244, 200), 0.4))
        canvas.box(0, top + 13, 64, top + 15, (160, 106, 66))
    for x in ((20, 61), (2, 43), (31,))[turn]:
        canvas.box(x - 1.2, 0, x + 1.2, 46, (160, 106, 66))
    canvas.band(46, 64, (196, 142, 94), (164, 112, 70))
    canvas.disc(32, 57, 27, (60, 112, 104), 5)
    canvas.disc(32, 57, 23, (84, 140, 128), 3.8)
    return canvas
