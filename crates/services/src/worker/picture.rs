//! What can be done with a picture. PNG and JPEG come in, PNG goes out, as in the first system: nothing is lost twice.

use std::{collections::BTreeMap, io::Cursor, str::FromStr};

use image::{
    DynamicImage, GenericImageView as _, ImageDecoder as _, ImageError, ImageFormat, ImageReader,
    imageops::FilterType,
};

/// The longest side of a thumbnail, where nothing else is said.
const THUMBNAIL: u32 = 128;
/// A blur's standard deviation in pixels: what it is, and what it may be.
const SIGMA: f32 = 3.0;
const SIGMAS: std::ops::RangeInclusive<f32> = 0.1..=50.0;

/// Bytes of a pixel that has them all.
const BYTES: u64 = 4;

/// What a picture may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Pixels of a side, coming in and going out.
    pub side: u32,
    /// Bytes that decoding one may take.
    pub memory: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            side: 16_384,
            memory: 256 << 20,
        }
    }
}

/// Why a picture was not worked on. Trying again would be of no use.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PictureError {
    /// The type of the task.
    #[error("no worker can '{0}'; types are invert, grey, blur, resize, thumbnail")]
    Unknown(String),
    /// A parameter.
    #[error("'{name}' {must}")]
    Parameter {
        /// Which.
        name: &'static str,
        /// What it has to be.
        must: String,
    },
    /// The picture.
    #[error("the picture cannot be read ({0}); send a PNG or JPEG within the limits")]
    Picture(#[from] ImageError),
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Operation {
    /// Each colour becomes its opposite; transparency stays.
    Invert,
    /// Only brightness stays.
    Grey,
    /// Gaussian, with that standard deviation in pixels.
    Blur(f32),
    /// To exactly that width and height.
    Resize(u32, u32),
    /// To fit into a square of that side, proportions kept; never larger.
    Thumbnail(u32),
}

impl Operation {
    /// That of a task.
    ///
    /// # Errors
    ///
    /// There is none of that name, or a parameter is missing or out of range.
    pub fn of(kind: &str, params: &BTreeMap<String, String>, limits: Limits) -> Result<Self, PictureError> {
        let side = |name: &'static str, default: Option<u32>| {
            let must = format!("is a number of pixels, from 1 to {}", limits.side);
            let side = number(params, name, default);
            side.filter(|side| (1..=limits.side).contains(side))
                .ok_or(PictureError::Parameter { name, must })
        };
        match kind {
            "invert" => Ok(Self::Invert),
            "grey" | "gray" => Ok(Self::Grey),
            "blur" => {
                let must = format!("is a number from {} to {}", SIGMAS.start(), SIGMAS.end());
                let sigma = number(params, "sigma", Some(SIGMA)).filter(|sigma| SIGMAS.contains(sigma));
                let wrong = PictureError::Parameter { name: "sigma", must };
                sigma.map(Self::Blur).ok_or(wrong)
            }
            "resize" => {
                let (width, height) = (side("width", None)?, side("height", None)?);
                if u64::from(width) * u64::from(height) * BYTES > limits.memory {
                    let must = format!("times height is at most {}", limits.memory / BYTES);
                    return Err(PictureError::Parameter { name: "width", must });
                }
                Ok(Self::Resize(width, height))
            }
            "thumbnail" => Ok(Self::Thumbnail(side("size", Some(THUMBNAIL))?)),
            other => Err(PictureError::Unknown(other.to_owned())),
        }
    }

    fn apply(self, mut picture: DynamicImage) -> DynamicImage {
        match self {
            Self::Invert => {
                picture.invert();
                picture
            }
            Self::Grey => picture.grayscale(),
            Self::Blur(sigma) => picture.blur(sigma),
            Self::Resize(width, height) => picture.resize_exact(width, height, FilterType::Triangle),
            Self::Thumbnail(side) => {
                let (width, height) = picture.dimensions();
                if width.max(height) <= side {
                    return picture;
                }
                picture.thumbnail(side, side)
            }
        }
    }
}

fn number<T: FromStr>(params: &BTreeMap<String, String>, name: &str, default: Option<T>) -> Option<T> {
    match params.get(name) {
        Some(text) => text.parse().ok(),
        None => default,
    }
}

/// Does `operation` to an encoded picture and encodes it again. What a camera says about its orientation is carried out first.
///
/// # Errors
///
/// It is no picture, or larger than `limits`: both are seen from its head, before memory is taken.
pub fn transform(bytes: &[u8], operation: Operation, limits: Limits) -> Result<Vec<u8>, PictureError> {
    let mut reader = ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()
        .map_err(ImageError::IoError)?;
    let mut allowed = image::Limits::default();
    allowed.max_image_width = Some(limits.side);
    allowed.max_image_height = Some(limits.side);
    allowed.max_alloc = Some(limits.memory);
    reader.limits(allowed.clone());
    let mut decoder = reader.into_decoder()?;
    allowed.reserve(decoder.total_bytes())?;
    let orientation = decoder.orientation()?;
    let mut picture = DynamicImage::from_decoder(decoder)?;
    picture.apply_orientation(orientation);
    let mut encoded = Cursor::new(Vec::new());
    operation
        .apply(picture)
        .write_to(&mut encoded, ImageFormat::Png)?;
    Ok(encoded.into_inner())
}

#[cfg(test)]
mod tests {
    use image::{Rgba, RgbaImage};

    use super::*;

    fn encoded(picture: &RgbaImage) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        picture.write_to(&mut bytes, ImageFormat::Png).unwrap();
        bytes.into_inner()
    }

    fn sample() -> RgbaImage {
        RgbaImage::from_fn(40, 20, |x, y| {
            Rgba([x as u8 * 6, y as u8 * 12, (x + y) as u8, 255 - x as u8])
        })
    }

    fn done(kind: &str, params: &[(&str, &str)]) -> RgbaImage {
        let params = params
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let operation = Operation::of(kind, &params.collect(), Limits::default()).unwrap();
        let bytes = transform(&encoded(&sample()), operation, Limits::default()).unwrap();
        image::load_from_memory(&bytes).unwrap().to_rgba8()
    }

    #[test]
    fn inverting_is_the_opposite_and_keeps_transparency() {
        for (before, after) in sample().pixels().zip(done("invert", &[]).pixels()) {
            let [r, g, b, a] = before.0;
            assert_eq!(after.0, [255 - r, 255 - g, 255 - b, a]);
        }
    }

    #[test]
    fn grey_has_one_colour() {
        let grey = done("grey", &[]);
        assert!(
            grey.pixels()
                .all(|pixel| pixel.0[0] == pixel.0[1] && pixel.0[1] == pixel.0[2])
        );
        assert!(
            grey.pixels()
                .zip(sample().pixels())
                .all(|(after, before)| after.0[3] == before.0[3])
        );
    }

    #[test]
    fn sizes_are_as_asked() {
        assert_eq!(
            done("resize", &[("width", "7"), ("height", "9")]).dimensions(),
            (7, 9)
        );
        assert_eq!(done("thumbnail", &[("size", "10")]).dimensions(), (10, 5));
        assert_eq!(done("thumbnail", &[]).dimensions(), (40, 20));
        assert_eq!(done("blur", &[("sigma", "2.5")]).dimensions(), (40, 20));
        assert_ne!(done("blur", &[]), sample());
    }

    #[test]
    fn wrong_tasks_are_refused() {
        let of = |kind: &str, params: &[(&str, &str)]| {
            let params = params
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            Operation::of(kind, &params.collect(), Limits::default())
        };
        assert!(matches!(of("explode", &[]), Err(PictureError::Unknown(_))));
        for (kind, name, value) in [
            ("blur", "sigma", "NaN"),
            ("blur", "sigma", "1e30"),
            ("thumbnail", "size", "0"),
            ("thumbnail", "size", "99999"),
            ("resize", "width", "5"),
        ] {
            assert!(
                matches!(of(kind, &[(name, value)]), Err(PictureError::Parameter { .. })),
                "{kind}"
            );
        }
    }

    #[test]
    fn nothing_is_made_larger_than_memory() {
        let params = [("width", "16384"), ("height", "16384")];
        let params = params.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let made = Operation::of("resize", &params.into(), Limits::default());
        assert!(matches!(made, Err(PictureError::Parameter { name: "width", .. })));
    }

    #[test]
    fn bombs_and_rubbish_are_refused_from_their_head() {
        let bomb = encoded(&RgbaImage::new(200, 100));
        let limits = Limits {
            side: 199,
            ..Limits::default()
        };
        assert!(transform(&bomb, Operation::Invert, limits).is_err());
        let limits = Limits {
            memory: 200 * 100 * 4 - 1,
            ..Limits::default()
        };
        assert!(transform(&bomb, Operation::Invert, limits).is_err());
        let whole = encoded(&sample());
        for end in 0..whole.len() - 12 {
            assert!(
                transform(&whole[..end], Operation::Invert, Limits::default()).is_err(),
                "{end}"
            );
        }
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x55;
            // Whatever comes of it, it comes back.
            drop(transform(&bytes, Operation::Invert, Limits::default()));
        }
    }
}
